import { z } from "zod";

/** What the client is asked to do; the only argument, as JSON. */
export const clientOptions = z.object({
  host: z.string(),
  port: z.number(),
  path: z.string(),
  connections: z.number(),
  seconds: z.number(),
  /** `first-last`, or null for the whole. */
  range: z.string().nullable(),
});
export type ClientOptions = z.infer<typeof clientOptions>;

/** What it prints. */
export const clientResult = z.object({
  seconds: z.number(),
  requests: z.number(),
  bytes: z.number(),
  failed: z.number(),
  /** Milliseconds from a request to the last byte of its answer. */
  medianMs: z.number(),
  slowestMs: z.number(),
});
