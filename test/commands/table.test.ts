import { expect, test } from "vitest";
import { tableLines } from "../../src/commands/table.ts";

test("aligns what stands below one another, and leaves no blanks at the ends", () => {
  expect(
    tableLines([
      ["NAME", "MAC", ""],
      ["node-100", "-", "denied"],
      ["n", "02:00", ""],
    ]),
  ).toEqual(["NAME      MAC", "node-100  -      denied", "n         02:00"]);
  expect(tableLines([])).toEqual([]);
});
