import { z } from "zod";

/* Lists come in pages, so that no request takes the server long; `next` leads from one to the next. */

const wrongLimit = "must be a whole number from 1 up";

/** How much of a list one answer has: `usual` where the request does not say, never more than `most`. */
export function pageLimit(usual: number, most = usual) {
  return z.coerce
    .number(wrongLimit)
    .int(wrongLimit)
    .min(1, wrongLimit)
    .transform((limit) => Math.min(limit, most))
    .default(usual)
    .describe(`how many at most; an answer has no more than ${most}`);
}

export const wrongCursor = "must be `next` of an earlier answer";

export const next = z
  .string()
  .nullable()
  .describe("the `cursor` of the next page; null: this is the last one");
