import { expect, test } from "vitest";
import { chip, tile, wallFit } from "../../src/dashboard/machines/wall-fit.ts";

/** 2560 by 1440 pixels at 28 pixels, without what is above the machines. */
const large = { width: 90, height: 44 };

test("a few machines are all there, in columns that fill the screen", () => {
  expect(wallFit(large, { tiles: 5, chips: 12 })).toEqual({
    tileColumns: 4,
    chipColumns: 6,
    tileHeight: (44 - 2 * chip.height) / 2,
    tiles: 5,
    chips: 12,
  });
});

test("of many machines those are shown that need a person, as many as fit", () => {
  const fit = wallFit(large, { tiles: 200, chips: 1800 });
  expect(fit).toMatchObject({ tiles: 12, chips: 0 });
  expect(3 * fit.tileHeight).toBeLessThan(large.height);
});

test("machines that are up fill what is left", () => {
  expect(wallFit(large, { tiles: 0, chips: 500 })).toMatchObject({ tiles: 0, chips: 72 });
  expect(wallFit(large, { tiles: 1, chips: 500 })).toMatchObject({ tiles: 1, chips: 48 });
});

test.each([
  { width: 0, height: 0 },
  { width: 10, height: 4 },
  { width: 20, height: -3 },
])("on a screen of $width by $height one machine that needs a person is shown", (space) => {
  expect(wallFit(space, { tiles: 3, chips: 3 })).toEqual({
    tileColumns: 1,
    chipColumns: 1,
    tileHeight: tile.height,
    tiles: 1,
    chips: 0,
  });
});
