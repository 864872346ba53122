import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { merged, SortedTexts } from "../../../src/lib/lists/sorted-texts.ts";

describe("sorted texts", () => {
  test("are those that were added and not deleted, each once and in order, behind any text", () => {
    const number = fc.integer({ min: 0, max: 2000 });
    const steps = fc.array(fc.record({ adds: fc.boolean(), number }), { maxLength: 500 });
    fc.assert(
      fc.property(steps, number, (list, from) => {
        const texts = new SortedTexts();
        const expected = new Set<string>();
        // Enough for several chunks, and then some of them away again.
        for (let n = 0; n < 1200; n += 1) {
          texts.add(textOf((n * 7919) % 1200));
          expected.add(textOf(n));
        }
        for (const { adds, number: n } of list) {
          if (adds) texts.add(textOf(n));
          else texts.delete(textOf(n));
          if (adds) expected.add(textOf(n));
          else expected.delete(textOf(n));
        }
        const sorted = [...expected].toSorted();
        expect([...texts.after("")]).toEqual(sorted);
        const behind = textOf(from);
        expect([...texts.after(behind)]).toEqual(sorted.filter((text) => text > behind));
      }),
      { numRuns: 20 },
    );
  });

  test("are all gone when all are deleted", () => {
    const texts = new SortedTexts();
    for (let n = 0; n < 2000; n += 1) texts.add(textOf(n));
    for (let n = 1999; n >= 0; n -= 1) texts.delete(textOf(n));
    texts.delete("never added");
    expect([...texts.after("")]).toEqual([]);
    texts.add("a");
    expect([...texts.after("")]).toEqual(["a"]);
  });

  test("may come and go while they are read", () => {
    const texts = new SortedTexts();
    for (let n = 0; n < 2000; n += 1) texts.add(textOf(n));
    const read: string[] = [];
    for (const text of texts.after("")) {
      read.push(text);
      texts.delete(text);
      if (text === textOf(500)) texts.delete(textOf(501));
      if (text === textOf(600)) texts.add(`${textOf(600)} and more`);
    }
    const expected = Array.from({ length: 2000 }, (_, n) => textOf(n));
    expected.splice(601, 0, `${textOf(600)} and more`);
    expect(read).toEqual(expected.filter((text) => text !== textOf(501)));
  });
});

test("lists that are in order are merged, each text once", () => {
  const lists = fc.array(fc.array(fc.integer({ min: 0, max: 50 })), { maxLength: 4 });
  fc.assert(
    fc.property(lists, (numbers) => {
      const sorted = numbers.map((list) => [...new Set(list.map(textOf))].toSorted());
      expect([...merged(sorted)]).toEqual([...new Set(sorted.flat())].toSorted());
    }),
  );
});

function textOf(n: number): string {
  return String(n).padStart(5, "0");
}
