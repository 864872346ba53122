import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { randomNumbers } from "../support/random.ts";
import { readCorpus } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
import type { Running } from "./target.ts";
import { targetNamed, targetNames } from "./targets.ts";

/*
 * What `npm run fuzz` ever found or reached is run again each time, and some changes of it. What is seen of coverage is
 * in the command alone, which counts branches.
 */

const closing: Running[] = [];
afterAll(async () => {
  for (const running of closing) await running.close?.();
});

describe("nothing that others write makes the program throw, hang, or break a promise", () => {
  test.each(Object.values(targetNames).flat())("%s", async (name) => {
    const target = await targetNamed(name);
    const running = await target.open();
    closing.push(running);
    const fuzzer = new Fuzzer({
      target,
      running,
      reached: () => 0,
      random: randomNumbers(1),
      about: () => {},
    });
    await fuzzer.begin([...target.seeds(), ...readCorpus(name)]);
    fuzzer.corpus.push(...target.seeds(), ...readCorpus(name));
    await fuzzer.go(Infinity, fuzzer.executions + 50);
    expect(fuzzer.finds.map(({ reason }) => reason)).toEqual([]);
    expect(fuzzer.executions).toBeGreaterThan(50);
  });
});

test("an input that throws what it may not, or breaks a promise, is a find, once for each kind", async () => {
  const thrown = [new TypeError("at 1"), new TypeError("at 2"), new RangeError("too long")];
  let runs = 0;
  const fuzzer = new Fuzzer({
    target: { name: "made up", what: "", seeds: () => [], open: () => ({ run: () => {} }) },
    running: {
      run: () => {
        throw thrown[(runs += 1) % thrown.length];
      },
    },
    reached: () => 0,
    random: randomNumbers(1),
    about: () => {},
  });
  await fuzzer.begin([Uint8Array.of(1)]);
  await fuzzer.go(Infinity, 20);
  expect(fuzzer.finds.map(({ reason }) => reason.replace(/\n.*/s, "")).toSorted()).toEqual([
    "RangeError: too long",
    "TypeError: at 2",
  ]);
});

test("some inputs are as long as what others can send, and one that takes too long then is a find", async () => {
  const lengths: number[] = [];
  const made = { name: "made up", what: "", seeds: () => [], open: () => ({ run: () => {} }) };
  const fuzzer = new Fuzzer({
    target: { ...made, mostBytes: 600, wireBytes: 60_000, mostMs: 5 },
    running: {
      run: ({ length }) => {
        lengths.push(length);
        if (length < 50_000) return;
        const from = process.cpuUsage();
        while (process.cpuUsage(from).user < 10_000);
      },
    },
    reached: () => lengths.length,
    random: randomNumbers(3),
    about: () => {},
  });
  await fuzzer.begin([new Uint8Array(300)]);
  await fuzzer.go(Infinity, 500);
  expect(lengths.some((length) => length > 59_000)).toBe(true);
  expect(lengths.filter((length) => length > 600).length).toBeLessThan(100);
  expect(fuzzer.corpus.every(({ length }) => length <= 600)).toBe(true);
  expect(fuzzer.finds.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^it takes \d+ ms$/),
  ]);
});

test("an input by which more is reached is changed further", async () => {
  let reached = 0;
  const fuzzer = new Fuzzer({
    target: { name: "made up", what: "", seeds: () => [], open: () => ({ run: () => {} }) },
    running: {
      // Each byte of the word is found by itself, never all at once.
      run: (bytes) => {
        const word = [0x50, 0x58, 0x45];
        const right = word.findIndex((byte, at) => bytes[at] !== byte);
        reached = Math.max(reached, right === -1 ? word.length : right);
      },
    },
    reached: () => reached,
    random: randomNumbers(7),
    about: () => {},
  });
  await fuzzer.begin([new Uint8Array(4)]);
  await fuzzer.go(Infinity, 200_000);
  expect(reached).toBe(3);
});

test("the command counts the branches that are reached inside our code, and more of them as it goes on", async () => {
  const folder = fileURLToPath(new URL("../..", import.meta.url));
  const begin = ["--import", "./test/fuzz/register.mjs", "test/fuzz/main.ts"];
  const how = [
    "--target",
    "dhcp-options",
    "--seconds",
    "600",
    "--executions",
    "3000",
    "--seed",
    "1",
  ];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...begin, ...how, "--no-totals"],
    {
      cwd: folder,
    },
  );
  const [, first = 0, now = 0] = /(\d+) → (\d+)/.exec(stdout)?.map(Number) ?? [];
  expect(first).toBeGreaterThan(50);
  expect(now).toBeGreaterThan(first);
});
