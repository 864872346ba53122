/*
 * How many machines fit on a screen that nobody scrolls. Pure. Lengths are in the root's font size, which grows with
 * the screen, so that what is read from three metres is as large on each.
 */

/** Of a machine that needs a person or moves: at least as high as its name, its track and a sentence of four lines. */
export const tile = { width: 21, height: 13.8, highest: 20 } as const;
/** Of one that is up: its name and its state. */
export const chip = { width: 13, height: 3.4 } as const;
/** Of the heights above, what is left free below each. */
export const gap = 0.5;
/** Of the line that counts those that do not fit. */
const lineHeight = 2.2;

export interface WallSpace {
  readonly width: number;
  readonly height: number;
}

export interface WallFit {
  readonly tileColumns: number;
  readonly chipColumns: number;
  readonly tileHeight: number;
  /** So many of each kind are shown. */
  readonly tiles: number;
  readonly chips: number;
}

/** What fits of so many tiles and chips: tiles first, which take the space that is left, and chips below them. */
export function wallFit(
  { width, height }: WallSpace,
  wanted: { readonly tiles: number; readonly chips: number },
): WallFit {
  const tileColumns = columnsOf(width, tile.width);
  const chipColumns = columnsOf(width, chip.width);
  const rowsWanted = Math.ceil(wanted.tiles / tileColumns);
  const chipRowsWanted = Math.ceil(wanted.chips / chipColumns);
  const isAll = rowsWanted * tile.height + chipRowsWanted * chip.height <= height;
  const space = isAll ? height : height - lineHeight;
  const rows = Math.min(rowsWanted, Math.max(1, Math.floor(space / tile.height)));
  const chipRows = Math.min(
    chipRowsWanted,
    Math.max(0, Math.floor((space - rows * tile.height) / chip.height)),
  );
  const tileHeight = rows === 0 ? 0 : (space - chipRows * chip.height) / rows;
  return {
    tileColumns,
    chipColumns,
    tileHeight: Math.min(tile.highest, Math.max(tile.height, tileHeight)),
    tiles: Math.min(wanted.tiles, rows * tileColumns),
    chips: Math.min(wanted.chips, chipRows * chipColumns),
  };
}

function columnsOf(width: number, one: number): number {
  return Math.max(1, Math.floor(width / one));
}
