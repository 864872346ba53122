import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { z } from "zod";
import { keepCorpus, nameOf } from "./corpus.ts";
import { targetNames } from "./targets.ts";

/*
 * npm run fuzz -- --seconds N [--target NAME] [--executions N] [--seed N] [--keep]
 *
 * Runs every target for as long as its share of N seconds (or until it was run so often), prints a line for each, and
 * adds the figures to totals.json beside this file. `--keep` writes what reached something into the corpora.
 * Ends with 1 when something was found; the input is in finds/.
 */

/** An input that the thread has not come back from for so long never ends. */
const HANGS_AFTER_MS = 20_000;
const MOST_INPUT_BYTES = 1 << 20;

const totalsFile = fileURLToPath(new URL("totals.json", import.meta.url));
const findsFolder = fileURLToPath(new URL("finds", import.meta.url));

const total = z.object({
  executions: z.number(),
  seconds: z.number(),
  perSecond: z.number(),
  reachedAtFirst: z.number(),
  reached: z.number(),
  finds: z.number(),
});
const totals = z.object({ executions: z.number(), targets: z.record(z.string(), total) });

const outcome = z.object({
  executions: z.number(),
  seconds: z.number(),
  atFirst: z.number(),
  reached: z.number(),
  corpus: z.array(z.instanceof(Uint8Array)),
  finds: z.array(z.object({ input: z.instanceof(Uint8Array), reason: z.string() })),
});
type Outcome = z.output<typeof outcome>;

const { values: given } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    executions: { type: "string" },
    target: { type: "string", multiple: true },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "boolean", default: false },
    "no-totals": { type: "boolean", default: false },
  },
});
const names = Object.values(targetNames).flat();
const chosen = names.filter((name) => given.target?.includes(name) ?? true);
if (chosen.length === 0) throw new Error(`the targets are ${names.join(", ")}`);
const seconds = Number(given.seconds) / chosen.length;
const executions = given.executions === undefined ? null : Number(given.executions);

console.log("target              executions    a second   reached, at first and now   finds");
let found = 0;
const former = readTotals();
const next: Record<string, z.output<typeof total>> = { ...former.targets };
for (const name of chosen) {
  const result = await fuzz(name);
  found += result.finds.length;
  const perSecond = Math.round(result.executions / result.seconds);
  console.log(
    name.padEnd(18),
    String(result.executions).padStart(12),
    String(perSecond).padStart(11),
    `${result.atFirst} → ${result.reached}`.padStart(28),
    String(result.finds.length).padStart(7),
  );
  for (const find of result.finds) report(name, find);
  if (given.keep) keepCorpus(name, result.corpus);
  const before = next[name];
  next[name] = {
    executions: (before?.executions ?? 0) + result.executions,
    seconds: Math.round((before?.seconds ?? 0) + result.seconds),
    perSecond,
    reachedAtFirst: result.atFirst,
    reached: result.reached,
    finds: (before?.finds ?? 0) + result.finds.length,
  };
}
const all = Object.values(next).reduce((sum, one) => sum + one.executions, 0);
if (!given["no-totals"]) {
  writeFileSync(totalsFile, `${JSON.stringify({ executions: all, targets: next }, null, 2)}\n`);
}
console.log(`${all} executions in all runs that totals.json knows of; seed ${given.seed}`);
process.exitCode = found === 0 ? 0 : 1;

/** Runs one target in a thread, and watches that it goes on. */
function fuzz(name: string): Promise<Outcome> {
  const shared = new SharedArrayBuffer(8 + MOST_INPUT_BYTES);
  const begun = new Int32Array(shared, 0, 2);
  const beganMs = performance.now();
  const worker = new Worker(new URL("worker.ts", import.meta.url), {
    workerData: { target: name, seconds, executions, seed: Number(given.seed), shared },
  });
  return new Promise((resolve) => {
    let [seen, sinceMs] = [-1, performance.now()];
    const end = (result: Outcome) => {
      clearInterval(watch);
      resolve(result);
      void worker.terminate();
    };
    const lost = (reason: string) => {
      const input = new Uint8Array(shared, 8, begun[1]).slice();
      const took = (performance.now() - beganMs) / 1000;
      const sizes = { executions: begun[0] ?? 0, seconds: took, atFirst: 0, reached: 0 };
      end({ ...sizes, corpus: [], finds: [{ input, reason }] });
    };
    const watch = setInterval(() => {
      const nowMs = performance.now();
      if (begun[0] !== seen) [seen, sinceMs] = [begun[0] ?? 0, nowMs];
      else if (seen > 0 && nowMs - sinceMs > HANGS_AFTER_MS) lost("it does not end");
    }, 1000);
    worker.once("message", (message) => end(outcome.parse(message)));
    worker.once("error", (error) => lost(`its thread ended: ${String(error)}`));
  });
}

function report(name: string, { input, reason }: Outcome["finds"][number]): void {
  mkdirSync(findsFolder, { recursive: true });
  const file = join(findsFolder, `${name}-${nameOf(input)}`);
  writeFileSync(file, input);
  console.log(`  ${file}\n    ${reason.replaceAll("\n", "\n    ")}`);
}

function readTotals(): z.output<typeof totals> {
  try {
    return totals.parse(JSON.parse(readFileSync(totalsFile, "utf8")));
  } catch {
    return { executions: 0, targets: {} };
  }
}
