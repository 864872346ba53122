import type { Ip4 } from "../lib/ip4.ts";

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
 * stand behind one address (NAT). When all are taken, an address that has two more than the newcomer's
 * gives one up, and next a client that never answered: so neither one client nor a flood of
 * forged requests keeps the others from booting.
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
      const own = this.#byAddress.get(guest.address)?.size ?? 0;
      const [other, reason] = this.#whoGivesWay(guest, own);
      if (other === null) return refusal(own);
      other.giveWay(reason);
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

  #whoGivesWay({ startedAt: now }: Guest, own: number): readonly [Guest | null, string] {
    let crowd: ReadonlySet<Guest> = new Set();
    for (const guests of this.#byAddress.values()) if (guests.size > crowd.size) crowd = guests;
    if (crowd.size > own + 1) {
      const first = [...crowd].find(({ answered }) => !answered) ?? [...crowd][0] ?? null;
      return [first, `the server is busy and this address has ${crowd.size} transfers`];
    }
    for (const guest of this.#guests) {
      if (guest.startedAt > now - UNANSWERED_MS) break;
      if (!guest.answered) return [guest, "the server is busy and this client does not answer"];
    }
    return [null, ""];
  }
}

function refusal(own: number): string {
  const busy = "the server is busy, try again";
  return own === 0 ? busy : `${busy}: this address has ${own} of its transfers`;
}
