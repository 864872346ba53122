import type { Ip4 } from "../../lib/ip4.ts";
import { TokenBuckets } from "../../lib/token-bucket.ts";

/** A transfer that takes up a slot. */
export interface SlotHolder {
  readonly address: Ip4;
  /** When it was requested, in milliseconds. */
  readonly startedAt: number;
  /** Ends it for this reason, so that another transfer can have its slot. It releases the slot itself. */
  evict(reason: string): void;
}

/** A client that is there acknowledges within milliseconds; one that does not may be a forged address. */
const UNANSWERED_MS = 2000;
/** One machine may ask for some names in a row, however few slots there are. */
const MIN_BURST = 64;
/** Addresses whose rate is remembered. */
const MAX_ADDRESSES = 8192;

/** For the log. */
const FULL =
  "the server is full, so it does not answer yet (as many transfers are under way as tftp.maxTransfers allows, or as tftp.dataPorts has ports for): the client gets " +
  "a place when it asks again; if machines give up before, raise that or switch fewer of them on at once";

/** Why there is no slot. */
export interface SlotRefusal {
  readonly reason: string;
  /** The client is to know. False where an answer would only add to a flood: a client repeats its request. */
  readonly tell: boolean;
}

/**
 * The slots for transfers. While there are any, everybody gets one, since many machines may share one
 * address (NAT). When all are taken, a client that had time to answer and did not loses its slot to the new request. Where
 * half of all slots are of clients that have not answered yet, requests are forged, and one of the address that has most such is
 * lost at once; where they are fewer, they are machines whose answer is under way, as in a room that is switched on: who
 * lost its slot then would go on with a transfer that is none any more. Those that answer are safe from a flood of
 * forged requests; only an address that holds half of all slots loses one of its own to another, so that it
 * cannot keep all others from booting.
 *
 * An address may request as many transfers at once as there are slots, and a tenth of that each second; those
 * that are answered do not count.
 */
export class TransferSlots {
  readonly #maxTransfers: number;
  readonly #unanswered = new Holders();
  readonly #answered = new Holders();
  readonly #rates: TokenBuckets<Ip4>;

  constructor(maxTransfers: number) {
    this.#maxTransfers = maxTransfers;
    const burst = Math.max(MIN_BURST, maxTransfers);
    this.#rates = new TokenBuckets({ burst, perSecond: burst / 10 }, MAX_ADDRESSES);
  }

  get size(): number {
    return this.#unanswered.size + this.#answered.size;
  }

  /** Takes a slot, if need be another transfer's; else why not. */
  take(holder: SlotHolder): SlotRefusal | null {
    const { address, startedAt } = holder;
    if (!this.#rates.take(address, startedAt)) {
      return {
        reason: "this address requests too many transfers that it does not answer",
        tell: false,
      };
    }
    if (this.size >= this.#maxTransfers) {
      const eviction = this.#fromUnanswered(startedAt) ?? this.#fromMany(address);
      if (eviction === null) {
        this.#rates.giveBack(address);
        const own = this.#answered.countOf(address);
        if (own > 0) return { reason: busy(own), tell: true };
        // Firmware repeats its request for half a minute, and gives up at an error.
        return { reason: FULL, tell: false };
      }
      eviction.holder.evict(eviction.reason);
    }
    this.#unanswered.add(holder);
    return null;
  }

  /** The client acknowledged something, so it is really there. */
  answered(holder: SlotHolder): void {
    if (!this.#unanswered.delete(holder)) return;
    this.#answered.add(holder);
    this.#rates.giveBack(holder.address);
  }

  /** @param refused nothing of a file was sent, so it does not count as a transfer of its address */
  release(holder: SlotHolder, refused = false): void {
    if (refused) this.answered(holder);
    if (!this.#unanswered.delete(holder)) this.#answered.delete(holder);
  }

  /** The oldest that did not answer, if it had its time; else, where they are many, the oldest such of the address that has most. */
  #fromUnanswered(now: number): Eviction | null {
    const oldest = this.#unanswered.oldest();
    if (oldest === undefined) return null;
    if (oldest.startedAt <= now - UNANSWERED_MS) {
      return { holder: oldest, reason: "the server is busy and this client does not answer" };
    }
    if (this.#unanswered.size * 2 < this.#maxTransfers) return null;
    const [holder = oldest] = this.#unanswered.largestGroup();
    return { holder, reason: "the server is busy and this client has not answered yet" };
  }

  /** The newest of an address that holds half of the slots: it loses least. */
  #fromMany(requester: Ip4): Eviction | null {
    const own = this.#answered.countOf(requester);
    const group = this.#answered.largestGroup();
    // Two more than the requester's, or slots would pass to and fro.
    if (group.length * 2 < this.#maxTransfers || group.length < own + 2) return null;
    const holder = group.at(-1);
    if (holder === undefined) return null;
    const reason = `the server is busy and this address has ${group.length} transfers`;
    return { holder, reason };
  }
}

/** Who loses its slot, and why. */
interface Eviction {
  readonly holder: SlotHolder;
  readonly reason: string;
}

/** Holders in the order in which they came, and by address. */
class Holders {
  readonly #all = new Set<SlotHolder>();
  readonly #byAddress = new Map<Ip4, Set<SlotHolder>>();

  get size(): number {
    return this.#all.size;
  }

  add(holder: SlotHolder): void {
    this.#all.add(holder);
    const group = this.#byAddress.get(holder.address);
    if (group === undefined) this.#byAddress.set(holder.address, new Set([holder]));
    else group.add(holder);
  }

  delete(holder: SlotHolder): boolean {
    const group = this.#byAddress.get(holder.address);
    group?.delete(holder);
    if (group?.size === 0) this.#byAddress.delete(holder.address);
    return this.#all.delete(holder);
  }

  countOf(address: Ip4): number {
    return this.#byAddress.get(address)?.size ?? 0;
  }

  oldest(): SlotHolder | undefined {
    const [first] = this.#all;
    return first;
  }

  /** Those of the address that has most, the oldest first. */
  largestGroup(): readonly SlotHolder[] {
    let largest: ReadonlySet<SlotHolder> = new Set();
    for (const group of this.#byAddress.values()) if (group.size > largest.size) largest = group;
    return [...largest];
  }
}

function busy(own: number): string {
  return `the server is busy, try again: this address has ${own} of its transfers`;
}
