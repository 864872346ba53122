import { z } from "zod";
import { simulatedStages } from "./plan.ts";

/*
 * What `simulate` and its worker processes say to one another, in lines of JSON on the worker's standard input
 * and output. Times are milliseconds since the epoch of the run, which `start` names.
 */

const firmware = z.enum(["bios", "uefi", "uefi-http"]);
const stage = z.enum(simulatedStages);

const plan = z.object({
  target: z.string(),
  bootServer: z.string(),
  addressServer: z.string().nullable(),
  discoverTo: z.string(),
  ownAddress: z.string(),
  network: z.object({ network: z.string(), prefixLength: z.number() }),
  firmware,
  ownAddresses: z.boolean(),
});

export const job = z.object({
  kind: z.literal("job"),
  plan,
  device: z.object({ name: z.string(), index: z.number(), mac: z.string() }),
  nodes: z.number(),
  rampSeconds: z.number(),
  /** The third byte of all hardware addresses. */
  host: z.number(),
  /** This worker plays those machines whose index leaves `own` when it is divided by `workers`. */
  own: z.number(),
  workers: z.number(),
});
export type Job = z.infer<typeof job>;

/** To a worker. */
export const order = z.discriminatedUnion("kind", [
  job,
  /** `epochMs`: as `performance.timeOrigin + performance.now()` has it. */
  z.object({ kind: z.literal("start"), epochMs: z.number() }),
  z.object({ kind: z.literal("stop") }),
]);
export type Order = z.infer<typeof order>;

/** From a worker. */
export const told = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready") }),
  z.object({ kind: z.literal("unable"), reason: z.string() }),
  z.object({
    kind: z.literal("progress"),
    stages: z.partialRecord(stage, z.number()),
    bytes: z.number(),
  }),
  z.object({
    kind: z.literal("outcome"),
    index: z.number(),
    failure: z.object({ stage: z.union([stage, z.literal("run")]), reason: z.string() }).nullable(),
    spans: z.array(z.object({ stage, startMs: z.number(), endMs: z.number() })).readonly(),
    answersMs: z.array(z.number()).readonly(),
    bytes: z.number(),
    repeats: z.number(),
  }),
  z.object({
    kind: z.literal("end"),
    turns: z.object({ p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() }),
  }),
]);
export type Told = z.infer<typeof told>;
