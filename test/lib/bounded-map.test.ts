import { expect, test } from "vitest";
import { BoundedMap } from "../../src/lib/bounded-map.ts";

function filled(maxSize: number, ...keys: string[]): BoundedMap<string, string> {
  const map = new BoundedMap<string, string>(maxSize);
  for (const key of keys) map.set(key, key);
  return map;
}

test("keeps so many keys and lets the oldest one go", () => {
  const map = filled(2, "a", "b", "c");
  expect([...map.values()]).toEqual(["b", "c"]);
  expect(map.has("a")).toBe(false);
  expect(map.size).toBe(2);
});

test("a key that is set again is the newest one", () => {
  const map = filled(2, "a", "b", "a", "c");
  expect([...map.values()]).toEqual(["a", "c"]);
  expect(map.get("b")).toBeUndefined();
});

test("a key that is only read is not", () => {
  const map = filled(2, "a", "b");
  expect(map.get("a")).toBe("a");
  map.set("c", "c");
  expect([...map.values()]).toEqual(["b", "c"]);
});

test("a key that is deleted makes room", () => {
  const map = filled(2, "a", "b");
  expect([map.delete("a"), map.delete("a")]).toEqual([true, false]);
  map.set("c", "c");
  expect([...map.values()]).toEqual(["b", "c"]);
});
