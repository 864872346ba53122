import { type Ip4, ip4ToNumber } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";

/**
 * An address that a DHCPOFFER named. It waits some seconds for its DHCPREQUEST and is in no journal. The former
 * lease of the address stays on record until a machine takes the offer.
 */
export interface Offer {
  readonly mac: Mac;
  readonly address: Ip4;
  /** Milliseconds since the Unix epoch. */
  readonly untilMs: number;
  /** Whether its machine has an entry or had a lease: such machines go before unknown clients. */
  readonly known: boolean;
}

/** What handlers see of the offers. */
export interface Offers {
  /** What the machine was offered, if the offer still waits. */
  of(mac: Mac, nowMs: number): Offer | null;
  at(address: Ip4, nowMs: number): Offer | null;
  /** The same by the address as a number. */
  atNumber(address: number, nowMs: number): Offer | null;
}

/** The offers of all links: at most one for an address and one for a machine. */
export class OfferTable implements Offers {
  /** In the order in which they were made, in which they also expire. */
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

  /** Replaces the machine's offer and any other offer of the address. */
  put(offer: Offer, nowMs: number): void {
    for (const old of this.#byMac.values()) {
      if (old.untilMs > nowMs) break;
      this.#remove(old);
    }
    this.settle(offer.mac, offer.address);
    this.#byMac.set(offer.mac, offer);
    this.#byAddress.set(ip4ToNumber(offer.address), offer);
  }

  /** The machine got the address: its offer ends, and any other machine's offer of the address. */
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
