import type { Clock } from "../../lib/clock.ts";

const turnsPerSecond = 20;
const leastShare = 16 * 1024;

/** What may be sent now so that a rate in bytes is kept. A piece may be sent when anything is left, and is made up for. */
export class Allowance {
  /** As large as a piece may be, so that the rate holds over a fraction of a second. */
  readonly share: number;
  readonly #bytesPerSecond: number;
  readonly #clock: Pick<Clock, "now">;
  #bytes: number;
  #atMs: number;

  constructor(bytesPerSecond: number, clock: Pick<Clock, "now">) {
    this.share = Math.max(leastShare, Math.floor(bytesPerSecond / turnsPerSecond));
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#bytes = this.share;
    this.#atMs = clock.now();
  }

  isUsedUp(): boolean {
    this.#earn();
    return this.#bytes <= 0;
  }

  use(bytes: number): void {
    this.#earn();
    this.#bytes -= bytes;
  }

  /** Until something may be sent again; 0: now. */
  pauseMs(): number {
    this.#earn();
    return this.#bytes > 0 ? 0 : Math.ceil(((1 - this.#bytes) / this.#bytesPerSecond) * 1000);
  }

  #earn(): void {
    const nowMs = this.#clock.now();
    const earned = ((nowMs - this.#atMs) / 1000) * this.#bytesPerSecond;
    this.#bytes = Math.min(this.share, this.#bytes + earned);
    this.#atMs = nowMs;
  }
}
