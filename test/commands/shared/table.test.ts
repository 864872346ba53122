import { expect, test } from "vitest";
import { tableLines } from "../../../src/commands/shared/table.ts";

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

test("takes as many rows as there can be leases", () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [`${i}`, "x"]);
  expect(tableLines(rows).at(-1)).toBe("199999  x");
});
