import { concat, equalBytes } from "../../lib/bytes.ts";

/* One option, or sub-option, that is there more than once. */

/** A part of a split value is full, but for the last one (RFC 3396 5). */
const FULL_PART_BYTES = 255;

/** RFC 3396 7: the parts of a split option are one value, in the order in which they came. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? new Uint8Array(only) : concat(parts);
}

/**
 * The same where a client may have sent an option twice by mistake: of a value that has one length the first
 * whole one counts, and a part that only repeats the first is dropped.
 *
 * @param length the one length that the value has, in bytes; undefined: it has any
 */
export function valueOf(parts: readonly Uint8Array[], length: number | undefined): Uint8Array {
  const [first, ...others] = parts;
  if (first === undefined || others.length === 0) return joined(parts);
  if (first.length === FULL_PART_BYTES) return joined(parts);
  const whole = parts.find((part) => part.length === length);
  if (whole !== undefined) return joined([whole]);
  return joined([first, ...others.filter((part) => !equalBytes(part, first))]);
}
