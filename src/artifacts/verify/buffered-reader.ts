import type { BlobSource } from "../../lib/blob.ts";

/** Reads from an offset; fewer bytes where the blob ends. */
export type Reader = (at: number, length: number) => Promise<Uint8Array>;

/**
 * Many small reads that go forward, out of few large ones: whoever makes a file decides how many pieces it has.
 *
 * @param ahead bytes that are read at once
 */
export function bufferedReader(blob: BlobSource, ahead: number): Reader {
  let from = 0;
  let held = new Uint8Array(0);
  return async (at, length) => {
    if (at < from || at + length > from + held.length) {
      held = Uint8Array.from(await blob.read(at, Math.max(length, ahead)));
      from = at;
    }
    return held.subarray(at - from, at - from + length);
  };
}
