import { BoundedMap } from "./bounded-map.ts";

/** How often something may happen. */
export interface Rate {
  /** At once, after a pause. */
  readonly burst: number;
  /** Further ones each second. */
  readonly perSecond: number;
}

/** Limits a rate (token bucket). Times are monotonic milliseconds. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** Whether there is a token left, or so many; if so, they are taken. */
  take(nowMs: number, amount = 1): boolean {
    const { burst, perSecond } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }
}

/** The same rate for each of many callers; at most `maxCallers` are remembered, those seen lately. */
export class TokenBuckets<Caller> {
  readonly #rate: Rate;
  readonly #buckets: BoundedMap<Caller, TokenBucket>;

  constructor(rate: Rate, maxCallers: number) {
    this.#rate = rate;
    this.#buckets = new BoundedMap(maxCallers);
  }

  /** Whether this caller has a token left; if so, it is taken. */
  take(caller: Caller, nowMs: number): boolean {
    const bucket = this.#buckets.get(caller) ?? new TokenBucket(this.#rate, nowMs);
    this.#buckets.set(caller, bucket);
    return bucket.take(nowMs);
  }

  giveBack(caller: Caller): void {
    this.#buckets.get(caller)?.giveBack();
  }
}
