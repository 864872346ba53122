import type { Clock } from "../../lib/clock.ts";
import type { Pause } from "../origin/retry.ts";

/** Keeps what all downloads of a run bring together below a rate. */
export class Throttle {
  readonly #bytesPerSecond: number | null;
  readonly #clock: Clock;
  readonly #pause: Pause;
  /** When the rate allows the next byte, as of `Clock.now`. */
  #freeAtMs = Number.NEGATIVE_INFINITY;

  /** @param bytesPerSecond null for no limit */
  constructor(bytesPerSecond: number | null, clock: Clock, pause: Pause) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#pause = pause;
  }

  /** Passes the batches on, each when the rate allows it. */
  async *limit(
    batches: AsyncIterable<readonly Uint8Array[]>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Uint8Array[]> {
    for await (const batch of batches) {
      yield batch;
      await this.#account(
        batch.reduce((sum, chunk) => sum + chunk.length, 0),
        signal,
      );
    }
  }

  async #account(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === null) return;
    const nowMs = this.#clock.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes / this.#bytesPerSecond) * 1000;
    if (this.#freeAtMs > nowMs) await this.#pause(this.#freeAtMs - nowMs, signal);
  }
}
