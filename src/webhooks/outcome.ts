import type { PostAnswer } from "./post.ts";

/** What became of a delivery. */
export type Outcome =
  | { readonly kind: "delivered" }
  /** The receiver says that it will never take this one. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string; readonly retryAfterMs: number | null };

/** "This body is wrong": the same body will be wrong again. */
const refusals: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** What to do where a status says it, instead of looking at the receiver's log. */
const remedies: ReadonlyMap<number, string> = new Map([
  [
    401,
    "the receiver wants a login or does not accept the signature: compare secretFile with its secret",
  ],
  [
    403,
    "the receiver does not accept the signature, or this server's address: compare secretFile with its secret",
  ],
  [404, "the receiver knows no such path: correct the webhook's url"],
  [405, "the receiver takes no POST there: correct the webhook's url"],
  [
    410,
    "the receiver has closed this webhook: take it out of the configuration, or open a new one",
  ],
  [429, "it has too many requests and is asked more seldom"],
]);

/** What an answer means for the event that it answers. */
export function outcomeOf({ status, location, retryAfterMs, text }: PostAnswer): Outcome {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const said = text === "" ? "" : ` ("${text}")`;
  if (refusals.has(status)) {
    return { kind: "refused", reason: `the receiver answered ${status}${said}` };
  }
  const moved = status >= 300 && status < 400 && location !== null;
  const remedy = moved
    ? `the receiver has moved: set the webhook's url to ${location}`
    : (remedies.get(status) ?? "look at the receiver's log");
  return {
    kind: "failed",
    reason: `the receiver answered ${status}${said}; ${remedy}`,
    retryAfterMs,
  };
}

export interface RetryTimes {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** From a second to five minutes. */
export const usualRetryTimes: RetryTimes = { firstMs: 1000, longestMs: 300_000 };

/**
 * How long to wait before the next attempt: twice as long as before, half of it by chance so that sites that failed together
 * do not come back together. Never less than the receiver asks for, and never longer than an hour because it asks for it.
 *
 * @param failures in a row, at least 1
 * @param random a number in [0, 1)
 */
export function nextAttemptMs(
  failures: number,
  retryAfterMs: number | null,
  random: number,
  { firstMs, longestMs }: RetryTimes = usualRetryTimes,
): number {
  const longest = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.max((longest * (1 + random)) / 2, Math.min(retryAfterMs ?? 0, 3_600_000));
}
