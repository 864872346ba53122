import type { Ip4 } from "../lib/ip4.ts";
import { TokenBucket, TokenBuckets } from "../lib/token-bucket.ts";

/*
 * How many lines of machines' logs are taken. Of a datagram nothing but its sender is looked at before that, and one that
 * is over its rate takes nothing of what is for all.
 */

/** The lines of one address: a boot's at once, then a few each second. */
const ONE_SENDER = { burst: 200, perSecond: 5 };
/** All lines of machines whose address is known by DHCP. */
const KNOWN = { burst: 10_000, perSecond: 100 };
/** All lines of other addresses: whoever makes up addresses cannot take the place of machines. */
const UNKNOWN = { burst: 400, perSecond: 10 };
/** Addresses whose rate is remembered. */
const MOST_SENDERS = 4096;

/** Why a line is dropped unread. */
export type Refusal = "this machine writes too much" | "too many machines write";

/** Which lines are taken. Times are monotonic milliseconds. */
export class SyslogLimits {
  readonly #senders = new TokenBuckets<Ip4>(ONE_SENDER, MOST_SENDERS);
  readonly #known: TokenBucket;
  readonly #unknown: TokenBucket;

  constructor(nowMs: number) {
    this.#known = new TokenBucket(KNOWN, nowMs);
    this.#unknown = new TokenBucket(UNKNOWN, nowMs);
  }

  /** Why a line of this address is to be dropped; null: it is taken. */
  refuses(sender: Ip4, isKnown: boolean, nowMs: number): Refusal | null {
    if (!this.#senders.take(sender, nowMs)) return "this machine writes too much";
    const all = isKnown ? this.#known : this.#unknown;
    return all.take(nowMs) ? null : "too many machines write";
  }
}
