import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type KnownSums, readGeneration } from "../../../src/artifacts/store/generation.ts";
import { openGenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import { recallSums, rememberSums } from "../../../src/artifacts/store/remembered-sums.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { MirrorSite } from "../../support/orchestrator.ts";

/* What was verified is not read again at the next start, unless something may have touched it. */

const HOUR_MS = 3_600_000;
let site: MirrorSite;
let directory = "";
let generation = { id: "", directory: "" };

beforeEach(async () => {
  site = await MirrorSite.open(new Map());
  directory = join(site.folder, "artifacts");
  const store = await site.openStore();
  const version = { etag: null, lastModified: null, seenAtMs: null };
  const announced = { version, size: 7, offset: 0 };
  const how = { limitBytes: 1000, onBytes: () => {} };
  const bytes = (async function* () {
    yield [fromText("content")];
  })();
  const file = await store.incoming.write("https://o.example", "vmlinuz", announced, bytes, how);
  const about = { origin: "https://o.example", createdAt: "2026-01-01T00:00:00.000Z" };
  generation = await store.publish([file], about);
  await store.incoming.clear();
});
afterEach(() => site.close());

function read(sums: KnownSums) {
  return readGeneration(generation.directory, generation.id, sums);
}

/** A moment at which the file has been as it is for some time. */
const later = () => Date.now() + 10_000;

async function remembered(): Promise<{ sums: KnownSums; nowMs: number }> {
  const [sums, nowMs] = [new Map<string, string>(), later()];
  expect(await read(sums)).toMatchObject({ kind: "whole" });
  await rememberSums(directory, { sums, sinceMs: nowMs }, nowMs);
  return { sums, nowMs };
}

describe("the sums of a generation's files", () => {
  test("are recalled, and then the files are not read", async () => {
    const { sums, nowMs } = await remembered();
    expect(sums.size).toBe(1);
    expect(await recallSums(directory, nowMs + HOUR_MS)).toEqual({ sums, sinceMs: nowMs });
    // That another one would be believed shows that it is not made again.
    const others = new Map([...sums].map(([inode]) => [inode, "0".repeat(64)]));
    expect(await read(others)).toMatchObject({ kind: "damaged" });
  });

  test("do not hold for a file that was changed, whatever its time of change says", async () => {
    const { sums } = await remembered();
    const file = join(generation.directory, "vmlinuz");
    const { atime, mtime } = await stat(file);
    await writeFile(file, "CONTENT");
    await utimes(file, atime, mtime);
    expect(await read(sums)).toMatchObject({
      kind: "damaged",
      reason: expect.stringContaining("vmlinuz"),
    });
  });

  test("hold for a day, and not when the clock was set back", async () => {
    const { nowMs } = await remembered();
    const at = async (ms: number) => (await recallSums(directory, ms)).sums.size;
    expect(await at(nowMs + 23 * HOUR_MS)).toBe(1);
    expect(await at(nowMs + 24 * HOUR_MS)).toBe(0);
    expect(await at(nowMs - 1)).toBe(0);
  });

  test("are not remembered of a file that has just changed", async () => {
    const sums = new Map<string, string>();
    await read(sums);
    const { ctimeMs } = await stat(join(generation.directory, "vmlinuz"));
    await rememberSums(directory, { sums, sinceMs: ctimeMs }, ctimeMs + 1);
    expect((await recallSums(directory, ctimeMs + 2)).sums.size).toBe(0);
  });

  test.each(["", "{", "[]", '{"version":1,"since":"2026-01-01T00:00:00Z","sums":{"x":"y"}}'])(
    "are made anew where what was remembered is %j",
    async (text) => {
      await writeFile(join(directory, "verified.json"), text);
      expect((await recallSums(directory, Date.now())).sums.size).toBe(0);
    },
  );
});

test("a store that is opened remembers what it read, and verifies all of it when asked to", async () => {
  const events: PxeEvent[] = [];
  const open = () =>
    openGenerationStore({
      directory,
      keepGenerations: 2,
      inUse: () => new Set(),
      clock: { now: () => 0, wall: later },
      emit: (event) => void events.push(event),
    });
  await open();
  const file = join(directory, "verified.json");
  const text = await readFile(file, "utf8");
  const { sums } = JSON.parse(text);
  const known = Object.entries(sums);
  expect(known).toHaveLength(1);
  // What is on disk is right; only what is remembered of it is not.
  const wrong = { ...JSON.parse(text), sums: { [known[0]?.[0] ?? ""]: "0".repeat(64) } };
  await writeFile(file, JSON.stringify(wrong));
  expect((await open()).latest()).toBeNull();
  await writeFile(file, text);
  const store = await open();
  expect(store.latest()?.id).toBe(generation.id);
  await writeFile(file, JSON.stringify(wrong));
  expect([...(await store.verify())]).toEqual([]);
  expect(JSON.parse(await readFile(file, "utf8")).sums).toEqual(sums);
});
