import { z } from "zod";

export const aliveReply = z.object({
  status: z.literal("alive"),
  instance: z.string().describe("tells this run of the program from every other"),
});

export const readyReply = z.object({
  status: z.literal("ready"),
  generation: z.string().nullable().describe("the one that is served; null: none is needed"),
  unserved: z
    .array(z.string())
    .readonly()
    .describe("why links are not served while others are: machines there cannot boot"),
});

export const notReadyReply = z.object({
  status: z.literal("not ready"),
  reasons: z.array(z.string()).readonly().describe("what is missing and what to do about it"),
});
