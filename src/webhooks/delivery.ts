import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import type { Post } from "./post.ts";
import type { QueuedEvent } from "./queue.ts";
import { signatureHeaders, type SigningKey } from "./signature.ts";

/** How one receiver is told of an event. */
export interface Delivery {
  readonly post: Post;
  /** Null: nothing is signed. */
  readonly key: SigningKey | null;
  readonly clock: Pick<Clock, "wall">;
  /** A receiver that says nothing for so long has failed. Default: ten seconds. */
  readonly answerTimeoutMs?: number;
}

/** Sends an event once (CloudEvents 1.0, HTTP binding, structured mode). Never rejects. */
export async function deliver(
  { id, body }: QueuedEvent,
  { post, key, clock, answerTimeoutMs = 10_000 }: Delivery,
  stop: AbortSignal,
): Promise<Outcome> {
  const silent = AbortSignal.timeout(answerTimeoutMs);
  const headers = {
    "content-type": "application/cloudevents+json; charset=utf-8",
    ...signatureHeaders(key, { id, body, wallMs: clock.wall() }),
  };
  try {
    return outcomeOf(await post(body, headers, AbortSignal.any([silent, stop])));
  } catch (error) {
    const reason = silent.aborted
      ? `the receiver did not answer within ${Math.ceil(answerTimeoutMs / 1000)} s; look whether it hangs`
      : messageOf(error);
    return { kind: "failed", reason, retryAfterMs: null };
  }
}
