import { BoundedMap } from "../lib/bounded-map.ts";
import type { Clock } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import type { BootSessions } from "./boots.ts";

/** What the table of neighbours is asked at the most: whoever sends requests decides how often. */
const READS = { burst: 200, perSecond: 200 };
/** For one address, so that a busy client does not cause one each time. */
const AGAIN_MS = 1000;
const MOST_ADDRESSES = 4096;

export interface SenderProofParts {
  readonly sessions: Pick<BootSessions, "ownerOf" | "learnAddress">;
  readonly clock: Pick<Clock, "now">;
  /** The hardware address that the operating system knows an address on a link by; null: it knows none. */
  readonly neighbourAt: (address: Ip4) => Mac | null;
}

/**
 * Which machine sends from an address. DHCP tells, or the operating system's table of neighbours; what a request says
 * of itself is a claim. And who asks DHCP for an address that another machine still answers at does not
 * get that machine's requests for its own.
 */
export class SenderProof {
  readonly #parts: SenderProofParts;
  readonly #reads: TokenBucket;
  readonly #askedAtMs = new BoundedMap<Ip4, number>(MOST_ADDRESSES);
  /** Who asked for an address that another machine had. */
  readonly #contenders = new BoundedMap<Ip4, Mac>(MOST_ADDRESSES);

  constructor(parts: SenderProofParts) {
    this.#parts = parts;
    this.#reads = new TokenBucket(READS, parts.clock.now());
  }

  /** Whether a request from this address is known to be the machine's. */
  isSender(mac: Mac, address: Ip4): boolean {
    const { sessions } = this.#parts;
    const owner = sessions.ownerOf(address);
    if (owner !== null) return owner === mac;
    if (!this.#isAskedAgain(address) || this.#neighbourAt(address) !== mac) return false;
    sessions.learnAddress(mac, address);
    return true;
  }

  /** A DHCPREQUEST was overheard: the machine has this address, or is about to have it. */
  asksFor(mac: Mac, address: Ip4): void {
    const { sessions } = this.#parts;
    const owner = sessions.ownerOf(address);
    if (owner !== null && owner !== mac) {
      const neighbour = this.#neighbourAt(address);
      if (neighbour === owner || neighbour === undefined) {
        this.#contenders.set(address, mac);
        return;
      }
    }
    this.#contenders.delete(address);
    sessions.learnAddress(mac, address);
  }

  /** Something came from this address: if it is the contender's by now, it is known so from now on. */
  settle(address: Ip4): void {
    const contender = this.#contenders.get(address);
    if (contender === undefined || !this.#isAskedAgain(address)) return;
    if (this.#neighbourAt(address) !== contender) return;
    this.#contenders.delete(address);
    this.#parts.sessions.learnAddress(contender, address);
  }

  #isAskedAgain(address: Ip4): boolean {
    const nowMs = this.#parts.clock.now();
    const askedAtMs = this.#askedAtMs.get(address);
    if (askedAtMs !== undefined && nowMs - askedAtMs < AGAIN_MS) return false;
    this.#askedAtMs.set(address, nowMs);
    return true;
  }

  /** Undefined: it was not looked at. */
  #neighbourAt(address: Ip4): Mac | null | undefined {
    const { clock, neighbourAt } = this.#parts;
    return this.#reads.take(clock.now()) ? neighbourAt(address) : undefined;
  }
}
