import type { Ip4 } from "../../lib/ip4.ts";

/** A transfer that takes up one of the places. */
export interface Guest {
  readonly address: Ip4;
  /** When it came, in milliseconds. */
  readonly startedAt: number;
  /** The client acknowledged something, so it is really there. */
  readonly answered: boolean;
  /** Ends it, for this reason, so that another can have its place. It leaves by itself. */
  giveWay(reason: string): void;
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
export class Admission {
  readonly #most: number;
  /** In the order in which they came. */
  readonly #guests = new Set<Guest>();
  readonly #byAddress = new Map<Ip4, Set<Guest>>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#guests.size;
  }

  /** Takes a place for the guest, if need be another one's; else why not, in words for the client. */
  admit(guest: Guest): string | null {
    if (this.#guests.size >= this.#most) {
      const leaver = this.#unanswered(guest.startedAt) ?? this.#ofTheMany(guest.address);
      if (leaver === null) return refusal(this.#sizeOf(guest.address));
      leaver.guest.giveWay(leaver.reason);
    }
    this.#guests.add(guest);
    const same = this.#byAddress.get(guest.address);
    if (same === undefined) this.#byAddress.set(guest.address, new Set([guest]));
    else same.add(guest);
    return null;
  }

  leave(guest: Guest): void {
    this.#guests.delete(guest);
    const same = this.#byAddress.get(guest.address);
    same?.delete(guest);
    if (same?.size === 0) this.#byAddress.delete(guest.address);
  }

  /** The oldest that never answered, if it had its time; else the oldest such of the largest crowd. */
  #unanswered(now: number): Leaver | null {
    let found: Guest | null = null;
    for (const guest of this.#guests) {
      if (guest.answered) continue;
      if (guest.startedAt <= now - UNANSWERED_MS) {
        return { guest, reason: "the server is busy and this client does not answer" };
      }
      if (found === null || this.#sizeOf(guest.address) > this.#sizeOf(found.address)) {
        found = guest;
      }
    }
    if (found === null) return null;
    return { guest: found, reason: "the server is busy and this client has not answered yet" };
  }

  /** The newest of an address that holds half of the places: it loses least. */
  #ofTheMany(newcomer: Ip4): Leaver | null {
    const own = this.#sizeOf(newcomer);
    for (const crowd of this.#byAddress.values()) {
      // Two more than the newcomer's, or places would pass to and fro.
      if (crowd.size * 2 < this.#most || crowd.size < own + 2) continue;
      const guest = [...crowd].at(-1);
      if (guest === undefined) continue;
      return { guest, reason: `the server is busy and this address has ${crowd.size} transfers` };
    }
    return null;
  }

  #sizeOf(address: Ip4): number {
    return this.#byAddress.get(address)?.size ?? 0;
  }
}

/** Who gives its place up, and why. */
interface Leaver {
  readonly guest: Guest;
  readonly reason: string;
}

function refusal(own: number): string {
  const busy = "the server is busy, try again";
  return own === 0 ? busy : `${busy}: this address has ${own} of its transfers`;
}
