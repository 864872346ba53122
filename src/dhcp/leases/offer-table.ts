import { type Ip4, ip4ToNumber } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";

/**
 * An address that a DHCPOFFER named. It waits some seconds for its DHCPREQUEST and is in no journal. What
 * is known of the address from before, whose it was, stays known until somebody takes it.
 */
export interface Offer {
  readonly mac: Mac;
  readonly address: Ip4;
  /** Milliseconds since the Unix epoch. */
  readonly untilMs: number;
  /** Whether its machine has an entry or had a lease: strangers stand back behind such machines. */
  readonly known: boolean;
}

/** What handlers see of the offers. */
export interface Offers {
  /** What the machine was offered, if it still waits. */
  of(mac: Mac, nowMs: number): Offer | null;
  at(address: Ip4, nowMs: number): Offer | null;
  /** The same by the address as a number. */
  atNumber(address: number, nowMs: number): Offer | null;
}

/** The offers of all links: at most one for an address and one for a machine. */
export class OfferTable implements Offers {
  /** In the order in which they were made, which is that in which they end. */
  readonly #byMac = new Map<Mac, Offer>();
  readonly #byAddress = new Map<number, Offer>();

  get size(): number {
    return this.#byMac.size;
  }

  of(mac: Mac, nowMs: number): Offer | null {
    return waiting(this.#byMac.get(mac), nowMs);
  }

  at(address: Ip4, nowMs: number): Offer | null {
    return this.atNumber(ip4ToNumber(address), nowMs);
  }

  atNumber(address: number, nowMs: number): Offer | null {
    return waiting(this.#byAddress.get(address), nowMs);
  }

  /** In place of what the machine was offered before, and of whoever was offered the address. */
  put(offer: Offer, nowMs: number): void {
    for (const old of this.#byMac.values()) {
      if (old.untilMs > nowMs) break;
      this.#remove(old);
    }
    this.settle(offer.mac, offer.address);
    this.#byMac.set(offer.mac, offer);
    this.#byAddress.set(ip4ToNumber(offer.address), offer);
  }

  /** The machine takes no offer any more, and nobody else may take the address. */
  settle(mac: Mac, address: Ip4): void {
    this.withdraw(mac);
    const other = this.#byAddress.get(ip4ToNumber(address));
    if (other !== undefined) this.#remove(other);
  }

  withdraw(mac: Mac): void {
    const offer = this.#byMac.get(mac);
    if (offer !== undefined) this.#remove(offer);
  }

  #remove(offer: Offer): void {
    this.#byMac.delete(offer.mac);
    this.#byAddress.delete(ip4ToNumber(offer.address));
  }
}

function waiting(offer: Offer | undefined, nowMs: number): Offer | null {
  return offer !== undefined && offer.untilMs > nowMs ? offer : null;
}
