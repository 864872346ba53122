export interface Rate {
  readonly most: number;
  readonly perSecond: number;
}

/** So many at once, and so many more each second. Times are monotonic milliseconds. */
export class Bucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.most;
    this.#atMs = nowMs;
  }

  /** Whether there is one left. */
  take(nowMs: number): boolean {
    const { most, perSecond } = this.#rate;
    this.#tokens = Math.min(most, this.#tokens + ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#rate.most, this.#tokens + 1);
  }
}
