import { expect, test } from "vitest";
import { isSame } from "../../src/dashboard/data/same.ts";

const boot = {
  id: "1",
  name: null,
  steps: [{ stage: "discover", count: 1, detail: { broadcast: true, percent: 12.5 } }],
};

test("an answer that says the same as before is the same, in whichever order its keys come", () => {
  expect(isSame(boot, structuredClone(boot))).toBe(true);
  expect(isSame(boot, { steps: boot.steps, name: null, id: "1" })).toBe(true);
  expect(isSame([], [])).toBe(true);
});

test.each([
  ["a value is another one", { ...boot, id: "2" }],
  ["nothing became something", { ...boot, name: "press-1" }],
  ["something became nothing", { ...boot, steps: null }],
  ["a key is new", { ...boot, more: undefined }],
  ["a key is gone", { id: "1", steps: boot.steps }],
  ["a key has another name", { id: "1", names: null, steps: boot.steps }],
  ["an item is new", { ...boot, steps: [...boot.steps, ...boot.steps] }],
  ["an item is gone", { ...boot, steps: [] }],
  ["a list became an object", { ...boot, steps: { 0: boot.steps[0] } }],
  ["something deep inside changed", { ...boot, steps: [{ ...boot.steps[0], detail: {} }] }],
])("an answer is another one where %s", (_, other) => {
  expect(isSame(boot, other)).toBe(false);
  expect(isSame(other, boot)).toBe(false);
});
