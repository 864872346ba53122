import type { Ip4 } from "../../lib/ip4.ts";

/** A transfer that takes up one of the places. */
export interface SlotHolder {
  readonly address: Ip4;
  /** When it came, in milliseconds. */
  readonly startedAt: number;
  /** The client acknowledged something, so it is really there. */
  readonly answered: boolean;
  /** Ends it, for this reason, so that another can have its place. It leaves by itself. */
  evict(reason: string): void;
}

/** A client that is there acknowledges within milliseconds; who does not may be a forged address. */
const UNANSWERED_MS = 2000;

/**
 * Shares out the places for transfers. While there are any, everybody gets one, since many machines may
 * stand behind one address (NAT). When all are taken, a client that does not answer gives its place up
 * for the newcomer: one that had time to, else one of the address that has most. Those that answer are
 * safe from a flood of forged requests; only an address that holds half of all places gives one of its
 * own to another, so that it cannot keep all others from booting.
 */
export class TransferSlots {
  readonly #most: number;
  /** In the order in which they came. */
  readonly #holders = new Set<SlotHolder>();
  readonly #byAddress = new Map<Ip4, Set<SlotHolder>>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#holders.size;
  }

  /** Takes a place for the holder, if need be another one's; else why not, in words for the client. */
  take(holder: SlotHolder): string | null {
    if (this.#holders.size >= this.#most) {
      const eviction = this.#unanswered(holder.startedAt) ?? this.#ofTheMany(holder.address);
      if (eviction === null) return refusal(this.#sizeOf(holder.address));
      eviction.holder.evict(eviction.reason);
    }
    this.#holders.add(holder);
    const same = this.#byAddress.get(holder.address);
    if (same === undefined) this.#byAddress.set(holder.address, new Set([holder]));
    else same.add(holder);
    return null;
  }

  release(holder: SlotHolder): void {
    this.#holders.delete(holder);
    const same = this.#byAddress.get(holder.address);
    same?.delete(holder);
    if (same?.size === 0) this.#byAddress.delete(holder.address);
  }

  /** The oldest that never answered, if it had its time; else the oldest such of the largest crowd. */
  #unanswered(now: number): Eviction | null {
    let found: SlotHolder | null = null;
    for (const holder of this.#holders) {
      if (holder.answered) continue;
      if (holder.startedAt <= now - UNANSWERED_MS) {
        return { holder, reason: "the server is busy and this client does not answer" };
      }
      if (found === null || this.#sizeOf(holder.address) > this.#sizeOf(found.address)) {
        found = holder;
      }
    }
    if (found === null) return null;
    return { holder: found, reason: "the server is busy and this client has not answered yet" };
  }

  /** The newest of an address that holds half of the places: it loses least. */
  #ofTheMany(requester: Ip4): Eviction | null {
    const own = this.#sizeOf(requester);
    for (const crowd of this.#byAddress.values()) {
      // Two more than the newcomer's, or places would pass to and fro.
      if (crowd.size * 2 < this.#most || crowd.size < own + 2) continue;
      const holder = [...crowd].at(-1);
      if (holder === undefined) continue;
      return { holder, reason: `the server is busy and this address has ${crowd.size} transfers` };
    }
    return null;
  }

  #sizeOf(address: Ip4): number {
    return this.#byAddress.get(address)?.size ?? 0;
  }
}

/** Who gives its place up, and why. */
interface Eviction {
  readonly holder: SlotHolder;
  readonly reason: string;
}

function refusal(own: number): string {
  const busy = "the server is busy, try again";
  return own === 0 ? busy : `${busy}: this address has ${own} of its transfers`;
}
