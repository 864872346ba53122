import type { IncomingMessage } from "node:http";
import { ConnectError } from "./agent.ts";

/** TLS hands out 16 KiB at a time; work on each would cost more than the transfer. */
const BATCH_BYTES = 512 * 1024;
/** What may wait here before the sender is held up. */
const BACKLOG_BYTES = 4 * BATCH_BYTES;

/** When a body is given up because nobody can wait for it. */
export interface Patience {
  /** Without any byte for so long. */
  readonly stallMs: number;
  /** With fewer bytes than that in so long a time in which nothing but the line was waited for. */
  readonly least: { readonly bytes: number; readonly inMs: number };
  /** Makes the error that the body ends in then. */
  readonly error: (why: "stalled" | "too-slow") => Error;
}

/**
 * A body as it comes, in batches of 512 KiB or more, the next one gathering while the last is worked on.
 * It is listened to from the call on: what has come counts, even if the connection breaks before anybody asks.
 */
export function batchesOf(
  body: IncomingMessage,
  { stallMs, least, error }: Patience,
): AsyncGenerator<readonly Uint8Array[]> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let received = 0;
  // It may have been cut off before anybody looked.
  let ended = body.destroyed;
  let failure: unknown = ended ? (body.errored ?? new ConnectError("ECONNRESET", "aborted")) : null;
  let gaveUp: "stalled" | "too-slow" | null = null;
  let wake: (() => void) | null = null;
  const onData = (chunk: Uint8Array): void => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    received += chunk.length;
    if (waitingBytes >= BACKLOG_BYTES) body.pause();
    if (waitingBytes >= BATCH_BYTES) wake?.();
  };
  const onEnd = (): void => {
    ended = true;
    wake?.();
  };
  const onError = (thrown: unknown): void => {
    failure ??= thrown;
    onEnd();
  };
  const giveUp = (why: "stalled" | "too-slow"): void => {
    gaveUp = why;
    body.destroy();
    onEnd();
  };
  body.on("data", onData).once("end", onEnd).on("error", onError).once("close", onEnd);
  body.setTimeout(stallMs, () => {
    // Held up by us it may be silent for any time.
    if (!body.isPaused()) giveUp("stalled");
  });
  /** Waits for a batch to be full; a limit to what may be fetched in a second has no part in that time. */
  const filled = async (): Promise<void> => {
    let before = received;
    const pace = setInterval(() => {
      if (received - before < least.bytes) giveUp("too-slow");
      before = received;
    }, least.inMs);
    try {
      await new Promise<void>((resolve) => (wake = resolve));
    } finally {
      clearInterval(pace);
    }
  };
  return (async function* () {
    try {
      while (true) {
        if (waitingBytes < BATCH_BYTES && !ended) await filled();
        const batch = waiting;
        waiting = [];
        waitingBytes = 0;
        if (batch.length > 0) {
          if (body.isPaused()) {
            body.resume();
            // Node's timer rings once. When it rang in the meantime, only this winds it up again.
            body.setTimeout(stallMs);
          }
          yield batch;
        } else if (ended) {
          if (gaveUp !== null) throw error(gaveUp);
          if (failure !== null) throw failure;
          return;
        }
      }
    } finally {
      if (!ended) body.destroy();
    }
  })();
}

/** All of a body, or null when it has more bytes than that. */
export async function wholeOf(
  batches: AsyncIterable<readonly Uint8Array[]>,
  limitBytes: number,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const chunk of batch) bytes += chunk.length;
    if (bytes > limitBytes) return null;
    chunks.push(...batch);
  }
  return Buffer.concat(chunks);
}
