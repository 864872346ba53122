import { optionRows } from "./option-table.ts";
import type { OptionType } from "./option-values.ts";

/** Types whose values have one length, in bytes. */
const lengths: Partial<Record<OptionType, number>> = {
  ip: 4,
  u8: 1,
  "message-type": 1,
  u16: 2,
  u32: 4,
  i32: 4,
  flag: 1,
};

/** Options that are bytes to us, and of one length: 94 and 97 (RFC 4578 2.2, 2.3). */
const others: readonly (readonly [code: number, length: number])[] = [
  [94, 3],
  [97, 17],
];

/** The length that the value of an option must have, by code; options of any length have no entry. */
export const fixedLengths: ReadonlyMap<number, number> = new Map([
  ...optionRows.flatMap(([code, , type]) => {
    const length = lengths[type];
    return length === undefined ? [] : [[code, length] as const];
  }),
  ...others,
]);
