import { createHash } from "node:crypto";
import {
  assert,
  asyncProperty,
  constantFrom,
  integer,
  nat,
  tuple,
  uint8Array,
  array,
} from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpenFile } from "../../../src/http/files/open-file.ts";
import { PatchedFile } from "../../../src/http/files/patched-file.ts";
import { USUAL_PLACEHOLDER } from "../../../src/boot/script/iso-arguments.ts";
import { cases } from "../../support/cases.ts";

/** A file that gives at most so many bytes at a time, as a disk or another server may. */
class SlowFile implements OpenFile {
  readonly modifiedMs = 0;
  readonly #bytes: Buffer;
  readonly #atOnce: number;
  longestRead = 0;
  isClosed = false;

  constructor(bytes: Uint8Array, atOnce: number) {
    this.#bytes = Buffer.from(bytes);
    this.#atOnce = atOnce;
  }

  get size(): number {
    return this.#bytes.length;
  }

  inMemory(): null {
    return null;
  }

  read(offset: number, length: number) {
    this.longestRead = Math.max(this.longestRead, length);
    const end = offset + Math.min(length, this.#atOnce);
    return Promise.resolve({ bytes: this.#bytes.subarray(offset, end), release: () => {} });
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A range as a download reads it: in pieces, each as long as the file gives. */
async function rangeOf(file: OpenFile, first: number, last: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = first; at <= last;) {
    const { bytes } = await file.read(at, last + 1 - at);
    if (bytes.length === 0) break;
    pieces.push(Buffer.from(bytes));
    at += bytes.length;
  }
  return Buffer.concat(pieces);
}

/** The whole by the plainest way: the first placeholder counts where two overlap. */
function patchedWhole(bytes: Buffer, placeholder: Buffer, text: Buffer): Buffer {
  const filled = Buffer.concat([text, Buffer.alloc(placeholder.length - text.length, 0x20)]);
  const whole = Buffer.from(bytes);
  for (let at = bytes.length - placeholder.length; at >= 0; at--) {
    if (bytes.subarray(at, at + placeholder.length).equals(placeholder)) filled.copy(whole, at);
  }
  return whole;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a file with a text in the place of its placeholder", () => {
  test("is the same in every range as in the whole, however it is read", async () => {
    // Few letters, so that the placeholder occurs, overlaps itself, and stands at the ends.
    const placeholders = ["abcab", "aaaa", "abcd", "ab"].map((text) => Buffer.from(text));
    const letters = Buffer.from("abcd");
    const content = array(
      tuple(nat(3), nat(20)).map(([letter, times]) => Buffer.alloc(times % 4, letters[letter])),
      { maxLength: 80 },
    ).map((parts) => Buffer.concat(parts));
    await assert(
      asyncProperty(
        content,
        constantFrom(...placeholders),
        nat(5),
        integer({ min: 1, max: 9 }),
        nat(400),
        nat(400),
        async (bytes, placeholder, textLength, atOnce, a, b) => {
          if (bytes.length === 0) return;
          const text = Buffer.from("XYZWV".slice(0, Math.min(textLength, placeholder.length)));
          const file = new PatchedFile(new SlowFile(bytes, atOnce), placeholder, text);
          const [first, last] = [a % bytes.length, b % bytes.length].toSorted((x, y) => x - y);
          const expected = patchedWhole(bytes, placeholder, text);
          const range = await rangeOf(file, first ?? 0, last ?? 0);
          expect(range.toString()).toBe(expected.subarray(first ?? 0, (last ?? 0) + 1).toString());
        },
      ),
      { numRuns: cases(2000) },
    );
  });

  test("is as long as it was, and outside of the placeholder every byte is what it was", async () => {
    const mark = Buffer.from(USUAL_PLACEHOLDER);
    await assert(
      asyncProperty(uint8Array({ minLength: 1, maxLength: 5000 }), nat(), async (noise, seed) => {
        const at = seed % noise.length;
        const image = Buffer.concat([noise.subarray(0, at), mark, noise.subarray(at)]);
        const file = new PatchedFile(new SlowFile(image, 700), mark, Buffer.from("console=ttyS0"));
        const whole = await rangeOf(file, 0, image.length - 1);
        expect([file.size, whole.length]).toEqual([image.length, image.length]);
        const outside = (bytes: Buffer) =>
          sha256(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + mark.length)]));
        expect(outside(whole)).toBe(outside(image));
        const inside = whole.subarray(at, at + mark.length).toString();
        expect(inside).toBe("console=ttyS0".padEnd(mark.length));
      }),
      { numRuns: cases(200) },
    );
  });

  test("is never read in more than a part and what stands around it", async () => {
    const slow = new SlowFile(Buffer.alloc(3_000_000, 1), 1_000_000);
    const file = new PatchedFile(slow, Buffer.from(USUAL_PLACEHOLDER), Buffer.from("x"));
    const { bytes } = await file.read(1_000_000, 2_000_000);
    expect(bytes.length).toBe(256 * 1024);
    expect(slow.longestRead).toBe(256 * 1024 + 2 * 1023);
    file.close();
    expect(slow.isClosed).toBe(true);
  });

  test("ends where the file under it has become shorter", async () => {
    const image = Buffer.alloc(1000, 1);
    const short: OpenFile = {
      size: 1000,
      modifiedMs: 0,
      inMemory: () => null,
      read: (offset, length) =>
        Promise.resolve({
          bytes: image.subarray(Math.min(offset, 500), Math.min(offset + length, 500)),
          release: () => {},
        }),
      close: () => {},
    };
    const file = new PatchedFile(short, Buffer.from("0123456789abcdef"), Buffer.from("x"));
    expect((await rangeOf(file, 490, 999)).length).toBe(10);
  });
});
