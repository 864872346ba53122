import { createHash } from "node:crypto";
import { type FileHandle, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskFullError } from "../../../src/artifacts/store/disk.ts";
import { openSink } from "../../../src/artifacts/store/hashing-writer.ts";

let folder: string;
let handle: FileHandle;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-sink-"));
});
afterEach(async () => {
  await handle.close();
  await rm(folder, { recursive: true, force: true });
});

async function sinkTo(path: string, offset: number, bytes: number) {
  handle = await open(path, offset === 0 ? "w+" : "r+");
  return openSink({ name: "file", path, handle, offset }, bytes);
}

describe.each([
  ["here", 1000],
  ["in a thread", 100_000_000],
])("a sink %s", (_, announced) => {
  it("writes what comes behind what is there, and has the SHA-256 of all", async () => {
    const path = join(folder, "file");
    const beginning = Buffer.alloc(3_000_000, "begin");
    await writeFile(path, beginning);
    const sink = await sinkTo(path, beginning.length, announced);
    const batches = Array.from({ length: 40 }, (__, index) => [
      Buffer.alloc(100_000, `a${index}`),
      Buffer.alloc(index * 20_000, `b${index}`),
    ]);
    for (const batch of batches) await sink.write(batch);
    const sum = await sink.finish();
    await sink.close();
    const whole = Buffer.concat([beginning, ...batches.flat()]);
    expect((await readFile(path)).equals(whole)).toBe(true);
    expect(sum).toBe(createHash("sha256").update(whole).digest("hex"));
  });

  it("has written all it was given when it is closed early", async () => {
    const path = join(folder, "file");
    const sink = await sinkTo(path, 0, announced);
    for (let index = 0; index < 6; index++) await sink.write([Buffer.alloc(300_000, "x")]);
    await sink.close();
    expect((await readFile(path)).length).toBe(1_800_000);
  });

  it("tells a full disk from other trouble", async () => {
    const sink = await sinkTo("/dev/full", 0, announced);
    const work = async () => {
      for (let index = 0; index < 20; index++) await sink.write([Buffer.alloc(300_000, "x")]);
      await sink.finish();
    };
    await expect(work()).rejects.toThrow(DiskFullError);
    await sink.close();
  });
});
