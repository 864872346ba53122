import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FirstOf } from "../../../src/lib/lists/first-of.ts";

function firstOf<Item>(
  items: readonly Item[],
  count: number,
  order: (a: Item, b: Item) => number,
): Item[] {
  const first = new FirstOf<Item>(count, order);
  for (const item of items) first.add(item);
  return first.sorted();
}

describe("the first of many items", () => {
  test("are the beginning of the sorted list, whatever the order of the items", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (items, count) => {
        const sorted = items.toSorted((a, b) => a - b);
        expect(firstOf(items, count, (a, b) => a - b)).toEqual(sorted.slice(0, count));
      }),
    );
    expect(firstOf([3, 1, 2], Infinity, (a, b) => a - b)).toEqual([1, 2, 3]);
  });

  test("are found with far fewer comparisons than it takes to sort all", () => {
    const items = Array.from({ length: 60_000 }, (_, n) => (n * 7919) % 60_000);
    const worst = items.toSorted((a, b) => b - a);
    const compared = (
      list: readonly number[],
      work: (order: (a: number, b: number) => number) => void,
    ) => {
      let times = 0;
      work((a, b) => {
        times += 1;
        return a - b;
      });
      return times / list.length;
    };
    expect(compared(items, (order) => firstOf(items, 1000, order))).toBeLessThan(3);
    expect(compared(items, (order) => items.toSorted(order))).toBeGreaterThan(10);
    // Each item comes before all that were kept.
    expect(compared(worst, (order) => firstOf(worst, 1000, order))).toBeLessThan(20);
  });
});
