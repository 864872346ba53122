import { z } from "zod";
import { bootStatuses } from "../timeline/rules.ts";
import { stages } from "../timeline/stages.ts";
import { macInUrl, moment } from "./values.ts";

export const bootStatus = z.enum(bootStatuses);
const stage = z.enum(stages);

const step = z.object({
  stage,
  at: moment,
  afterMs: z.int().describe("milliseconds from the start of the boot"),
  count: z.int().describe("how often it was seen; `at` is the first time"),
  detail: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .readonly()
    .describe("the fields of the event, as it was last seen"),
});

/** One boot of one machine as a timeline. */
export const boot = z.object({
  id: z.string(),
  mac: z.string().nullable(),
  address: z.string().nullable(),
  uuid: z.string().nullable(),
  serial: z.string().nullable(),
  status: bootStatus,
  stage: stage.describe("the furthest one that was reached"),
  startedAt: moment,
  updatedAt: moment,
  durationMs: z.int(),
  generation: z.string().nullable().describe("of the Micro-OS that it was last given a file of"),
  diagnosis: z.string().nullable().describe("why it goes no further; null while it does"),
  steps: z.array(step).readonly(),
});
export type BootReply = z.output<typeof boot>;

export const bootsQuery = z.object({ mac: macInUrl.optional() });
export const bootsReply = z.object({ boots: z.array(boot).readonly() });
