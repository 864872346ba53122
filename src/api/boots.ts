import { z } from "zod";
import { bootStatuses } from "../timeline/rules.ts";
import { stages } from "../timeline/stages.ts";
import { next, pageLimit, wrongCursor } from "./pages.ts";
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
  waiting: z
    .object({
      ahead: z.int().describe("machines before it in the line"),
      since: moment,
    })
    .nullable()
    .describe("it waits in line for a download, because of `http.queue`; null while it does not"),
  steps: z.array(step).readonly(),
});
export type BootReply = z.output<typeof boot>;

/** Where a page begins: behind this boot. */
const cursor = z
  .string(wrongCursor)
  .regex(/^\d+(\.\d+)?,.{1,200}$/, wrongCursor)
  .transform((text) => {
    const comma = text.indexOf(",");
    return { startedAtMs: Number(text.slice(0, comma)), id: text.slice(comma + 1) };
  });
export type BootCursor = z.output<typeof cursor>;

export function bootCursor({ startedAtMs, id }: BootCursor): string {
  return `${startedAtMs},${id}`;
}

export const bootsQuery = z.object({
  mac: macInUrl.optional(),
  status: bootStatus.optional(),
  stage: stage.optional().describe("the furthest one that was reached"),
  since: z
    .string("must be given once")
    // In a query a plus that is not encoded is a blank.
    .overwrite((text) => text.replace(" ", "+"))
    .pipe(z.iso.datetime({ offset: true, error: "must be a moment such as 2026-03-06T10:00:00Z" }))
    .transform((text) => Date.parse(text))
    .optional()
    .describe("began then or later"),
  limit: pageLimit(100, 500),
  cursor: cursor.optional(),
});
export type BootsQuery = z.output<typeof bootsQuery>;

export const bootsReply = z.object({ boots: z.array(boot).readonly(), next });
