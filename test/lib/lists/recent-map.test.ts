import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RecentMap } from "../../../src/lib/lists/recent-map.ts";

const steps = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 5 }),
    what: fc.constantFrom("set", "set", "delete", "get"),
  }),
);

test("is like a Map whose keys are deleted before they are set", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const map = new RecentMap<number, number>();
      const same = new Map<number, number>();
      const [told, expected]: [unknown[], unknown[]] = [[], []];
      for (const [at, { key, what }] of all.entries()) {
        if (what === "get") {
          told.push(map.get(key));
          expected.push(same.get(key));
        } else if (what === "delete") {
          told.push(map.delete(key));
          expected.push(same.delete(key));
        } else {
          map.set(key, at);
          same.delete(key);
          same.set(key, at);
        }
      }
      expect(told).toEqual(expected);
      expect(map.entries()).toEqual([...same.entries()]);
      expect(map.values()).toEqual([...same.values()]);
      expect(map.size).toBe(same.size);
      expect(map.oldestKey()).toBe(same.keys().next().value);
    }),
  );
});

test("knows which keys it has", () => {
  const map = new RecentMap<string, number>();
  map.set("a", 1);
  expect([map.has("a"), map.has("b")]).toEqual([true, false]);
});
