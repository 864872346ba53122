import { z } from "zod";

/** Stable names of what went wrong, for programs. */
export const apiErrorCodes = [
  "BAD_REQUEST",
  "UNAUTHORIZED",
  "READ_ONLY",
  "HOST_NOT_ALLOWED",
  "ORIGIN_NOT_ALLOWED",
  "NOT_JSON",
  "NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "SYNC_FAILED",
  "TOO_MANY_STREAMS",
  "NOT_KEPT",
  "NOT_LEADER",
  "NOT_SENT",
  "INTERNAL",
] as const;
export type ApiErrorCode = (typeof apiErrorCodes)[number];

/** What every request gets that could not be answered. */
export const errorReply = z.object({
  error: z.object({
    code: z.enum(apiErrorCodes),
    message: z.string().describe("what is wrong and what to do about it, for people"),
  }),
});
export type ErrorReply = z.output<typeof errorReply>;
