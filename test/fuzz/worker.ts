import { performance } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
import { randomNumbers } from "../support/random.ts";
import { readCorpus } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
import { targetNamed } from "./targets.ts";

/*
 * One target in a thread of its own: where an input never ends, the thread that started it still can say which
 * one that is.
 */

const task = z.object({
  target: z.string(),
  seconds: z.number(),
  executions: z.number().nullable(),
  seed: z.number(),
  /** How many inputs were begun, the length of the latest, and its bytes. */
  shared: z.instanceof(SharedArrayBuffer),
});

const { target: name, seconds, executions, seed, shared } = task.parse(workerData);
const target = await targetNamed(name);

const [begun, latest] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, 8)];
/** By `register.mjs`, which counts in the same object. */
const counter = z.custom<{ readonly total: number }>().parse(Reflect.get(globalThis, "reached"));
const reached = (): number => counter.total;
const running = await target.open();
const fuzzer = new Fuzzer({
  target,
  running,
  reached,
  random: randomNumbers(seed),
  about: (input) => {
    const length = Math.min(input.length, latest.length);
    latest.set(input.subarray(0, length));
    begun[1] = length;
    begun[0] = (begun[0] ?? 0) + 1;
  },
});
const beganMs = performance.now();
await fuzzer.begin([...target.seeds(), ...readCorpus(name)]);
const atFirst = reached();
await fuzzer.go(beganMs + seconds * 1000, executions ?? Infinity);
const tookMs = performance.now() - beganMs;
await running.close?.();
const figures = {
  executions: fuzzer.executions,
  seconds: tookMs / 1000,
  atFirst,
  reached: reached(),
  corpus: fuzzer.corpus,
  finds: fuzzer.finds,
};
// A thread has no origin to name.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(figures);
