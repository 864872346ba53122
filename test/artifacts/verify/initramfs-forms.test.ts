import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { initramfsProblem } from "../../../src/artifacts/verify/initramfs.ts";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { concat, fromText, u32 } from "../../../src/lib/bytes.ts";

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/initramfs/${name}`, import.meta.url)));
const problem = (...parts: readonly Uint8Array[]) => initramfsProblem(memoryBlob(concat(parts)));

/** What `lzop` writes: magic, versions, method, level, flags, mode, times, no name, checksum; blocks that are stored. */
const lzo = concat([
  Uint8Array.of(0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a),
  Uint8Array.of(0x10, 0x40, 0x20, 0xa0, 0x09, 0x40, 1, 5),
  ...[1, 0, 0, 0].map(u32),
  Uint8Array.of(0),
  u32(0xdeadbeef),
  ...[4, 4, 0x12345678].map(u32),
  Uint8Array.of(1, 2, 3, 4),
  u32(0),
]);

const walked = ["whole.zst", "no-checksum.zst", "whole.lz4", "whole.bz2", "whole.xz"] as const;

describe("field fault 28: forms of an initramfs", () => {
  it.each([...walked, "whole.lzma"])(
    "%s is taken, alone, padded and behind another one",
    async (name) => {
      const bytes = fixture(name);
      expect(await problem(bytes)).toBeNull();
      expect(await problem(bytes, new Uint8Array(512))).toBeNull();
      expect(await problem(fixture("whole.xz"), new Uint8Array(4), bytes)).toBeNull();
    },
  );

  it.each(walked)("%s is refused wherever it was cut", async (name) => {
    const bytes = fixture(name);
    const cuts = [16, 40, 1000, 20_000, bytes.length - 20, bytes.length - 2];
    for (const length of cuts) {
      expect(await problem(bytes.subarray(0, length)), `${name} cut at ${length}`).not.toBeNull();
    }
  });

  it.each(walked)("%s is refused when something follows that is no archive", async (name) => {
    expect(await problem(fixture(name), fromText("<html>a page</html>"))).toMatch(/follows/);
  });

  it("any sequence is taken, as the kernel does", async () => {
    const members = [...walked.map(fixture), lzo];
    for (const first of members) {
      for (const second of members) {
        expect(await problem(first, new Uint8Array(8), second)).toBeNull();
      }
    }
  });

  it.each<[string, Uint8Array, Uint8Array, Uint8Array]>([
    [
      "zstd",
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0),
      Uint8Array.of(0, 0, 0),
      Uint8Array.of(1, 0, 0),
    ],
    ["lz4", Uint8Array.of(0x02, 0x21, 0x4c, 0x18), Uint8Array.of(1, 0, 0, 0, 7), new Uint8Array(0)],
    ["lzo", lzo.subarray(0, -20), lzo.subarray(-20, -4), u32(0)],
  ])("%s of the smallest blocks is read in few pieces", async (_, head, block, end) => {
    const count = 100_000;
    const bytes = concat([head, ...Array.from({ length: count }, () => block), end]);
    const whole = memoryBlob(bytes);
    let reads = 0;
    const read = (offset: number, length: number) => {
      reads += 1;
      return whole.read(offset, length);
    };
    expect(await initramfsProblem({ ...whole, read })).toBeNull();
    expect(reads).toBeLessThan(bytes.length / 1000);
  });

  it.each<[string, readonly number[]]>([
    ["one member", [2_000_000]],
    ["members that are each small", [400_000, 400_000, 400_000]],
  ])("gzip that would fill a machine's memory is given up: %s", async (_, sizes) => {
    const members = sizes.map((size) => concat([gzipSync(Buffer.alloc(size)), new Uint8Array(4)]));
    const blob = memoryBlob(concat(members));
    expect(await initramfsProblem(blob, 1_000_000)).toMatch(/inflates to more than 1000000 bytes/);
    expect(await initramfsProblem(blob, 2_000_000)).toBeNull();
  });

  it("xz that is nothing but footers is refused after a few of them", async () => {
    const bytes = fixture("whole.xz");
    const footer = bytes.subarray(bytes.length - 12);
    const reads: number[] = [];
    const whole = memoryBlob(
      concat([bytes.subarray(0, 12), ...Array.from({ length: 5000 }, () => footer), fromText("x")]),
    );
    const counted = {
      ...whole,
      read: (offset: number, length: number) => {
        reads.push(length);
        return whole.read(offset, length);
      },
    };
    expect(await initramfsProblem(counted)).toMatch(/xz/);
    expect(reads.length).toBeLessThan(200);
  });

  it("lzo is taken whole and refused when it was cut", async () => {
    expect(await problem(lzo)).toBeNull();
    for (let length = 12; length < lzo.length; length++) {
      expect(await problem(lzo.subarray(0, length))).toMatch(/lzo data end before/);
    }
  });

  it("a stretch that is missing from the middle of zstd is found by its lengths", async () => {
    const bytes = fixture("whole.zst");
    const missing = concat([bytes.subarray(0, 10_000), bytes.subarray(12_000)]);
    expect(await problem(missing)).not.toBeNull();
  });
});
