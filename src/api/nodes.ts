import { z } from "zod";
import { offerStyles } from "../boot/offer-style.ts";
import { stages } from "../timeline/stages.ts";
import { bootStatus } from "./boots.ts";
import { next, pageLimit } from "./pages.ts";
import { macInUrl, moment } from "./values.ts";

/** A machine: its entry in the nodes file, its last boot, and the offer style that its firmware accepted. */
export const node = z.object({
  mac: z.string(),
  name: z.string().nullable(),
  uuid: z.string().nullable(),
  serial: z.string().nullable(),
  address: z.string().nullable(),
  hasEntry: z.boolean().describe("whether an entry of the nodes file matches it"),
  denied: z.string().nullable().describe("why it may not boot; null when it may"),
  way: z
    .enum(offerStyles)
    .nullable()
    .describe("how its firmware is answered; null: that is not known yet"),
  waySince: moment.nullable(),
  boot: z
    .object({
      id: z.string(),
      stage: z.enum(stages),
      status: bootStatus,
      startedAt: moment,
      diagnosis: z.string().nullable(),
    })
    .nullable()
    .describe("its last one; null: none was seen"),
});
export type NodeReply = z.output<typeof node>;

export const nodePath = z.object({ mac: macInUrl });

export const nodesQuery = z.object({
  limit: pageLimit(1000),
  cursor: macInUrl.optional().describe("behind this machine"),
});
export const nodesReply = z.object({ nodes: z.array(node).readonly(), next });

/** Only what can be changed. */
export const nodeChange = z.strictObject(
  { way: z.null().describe("forgets how its firmware is answered") },
  'must be {"way": null}, which forgets how the machine is answered',
);
