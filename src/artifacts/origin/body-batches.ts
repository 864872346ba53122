import type { IncomingMessage } from "node:http";
import { ConnectError } from "./agent.ts";

/** TLS hands out 16 KiB at a time; work on each would cost more than the transfer. */
const BATCH_BYTES = 512 * 1024;
/** What may wait here before the sender is held up. */
const BACKLOG_BYTES = 4 * BATCH_BYTES;

/**
 * A body as it comes, in batches of 512 KiB or more, the next one gathering while the last is worked on.
 * It is listened to from the call on: what has come counts, even if the connection breaks before anybody asks.
 *
 * @param onStall makes the error that the body ends in when no byte came for `stallMs`
 */
export function batchesOf(
  body: IncomingMessage,
  stallMs: number,
  onStall: () => Error,
): AsyncGenerator<readonly Uint8Array[]> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  // It may have been cut off before anybody looked.
  let ended = body.destroyed;
  let failure: unknown = ended ? (body.errored ?? new ConnectError("ECONNRESET", "aborted")) : null;
  let stalled = false;
  let wake: (() => void) | null = null;
  const onData = (chunk: Uint8Array): void => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes >= BACKLOG_BYTES) body.pause();
    if (waitingBytes >= BATCH_BYTES) wake?.();
  };
  const onEnd = (): void => {
    ended = true;
    wake?.();
  };
  const onError = (error: unknown): void => {
    failure ??= error;
    onEnd();
  };
  body.on("data", onData).once("end", onEnd).on("error", onError).once("close", onEnd);
  body.setTimeout(stallMs, () => {
    // Held up by us it may be silent for any time.
    if (body.isPaused()) return;
    stalled = true;
    body.destroy();
    onEnd();
  });
  return (async function* () {
    try {
      while (true) {
        if (waitingBytes < BATCH_BYTES && !ended) {
          await new Promise<void>((resolve) => (wake = resolve));
        }
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
          if (stalled) throw onStall();
          if (failure !== null) throw failure;
          return;
        }
      }
    } finally {
      if (!ended) body.destroy();
    }
  })();
}
