export interface RateLimits {
  /** How much a caller may do at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
  /** Callers that are remembered; the one seen longest ago is forgotten first. */
  readonly maxCallers: number;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** A token bucket for each caller. Bounded in memory whatever the network sends. */
export class RateLimit {
  readonly #limits: RateLimits;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  /** Whether `caller` may act once more now; if so, it has. */
  allow(caller: string, nowMs: number): boolean {
    const { burst, perSecond, maxCallers } = this.#limits;
    const before = this.#buckets.get(caller) ?? { tokens: burst, atMs: nowMs };
    const earned = ((nowMs - before.atMs) / 1000) * perSecond;
    const tokens = Math.min(burst, before.tokens + earned);
    const allowed = tokens >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > maxCallers) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return allowed;
  }
}
