import { concat } from "../../lib/bytes.ts";
import { DecodeError, InternalError } from "../../lib/errors.ts";
import { valueOf } from "./option-parts.ts";

/* Options in options: a code, a length and a value each, as in DHCP options 43, 82 and 175. */

/** One sub-option: its code and its value. */
export type SubOption = readonly [code: number, value: Uint8Array];

/**
 * How sub-options are framed. "vendor" (RFC 2132 8.4: 43 and, after its example, 175): 0 is padding
 * and 255 ends the list. "relay" (RFC 3046 2.0: 82): neither has a meaning.
 */
export type Framing = "vendor" | "relay";

/**
 * The sub-options of a value; one that is there more than once is read as options are.
 *
 * @param lengths the length in bytes of those that have only one, by code
 */
export function readSubOptions(
  value: Uint8Array,
  framing: Framing,
  lengths: ReadonlyMap<number, number> = new Map(),
): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array[]>();
  let at = 0;
  while (at < value.length) {
    const code = value[at] ?? 0;
    if (framing === "vendor" && code === 255) break;
    if (framing === "vendor" && code === 0) {
      at += 1;
      continue;
    }
    const length = value[at + 1];
    if (length === undefined || at + 2 + length > value.length) {
      throw new DecodeError("dhcp-option", at, `sub-option ${code} runs past the end`);
    }
    const part = value.subarray(at + 2, at + 2 + length);
    const former = found.get(code);
    if (former === undefined) found.set(code, [part]);
    else former.push(part);
    at += 2 + length;
  }
  return new Map(Array.from(found, ([code, parts]) => [code, valueOf(parts, lengths.get(code))]));
}

/** The bytes of sub-options in the order given, without an end mark. */
export function buildSubOptions(subOptions: readonly SubOption[]): Uint8Array {
  return concat(
    subOptions.flatMap(([code, value]) => {
      if (value.length > 255) throw new InternalError(`sub-option ${code} exceeds 255 bytes`);
      return [Uint8Array.of(code, value.length), value];
    }),
  );
}
