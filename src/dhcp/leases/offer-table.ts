import { type Ip4, ip4ToNumber, type Subnet, subnetContains } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";

/**
 * An address that a DHCPOFFER named. It waits some seconds for its DHCPREQUEST and is in no journal. The former
 * lease of the address stays on record until a machine takes the offer.
 */
export interface Offer {
  readonly mac: Mac;
  readonly address: Ip4;
  /** The network that it is in: a machine has one offer in each. */
  readonly network: Subnet;
  /** Milliseconds since the Unix epoch. */
  readonly untilMs: number;
  /** Whether an entry names its machine or it had a lease: such machines go before unknown clients. */
  readonly known: boolean;
}

/** What handlers see of the offers. */
export interface Offers {
  /** What the machine was offered in a network, if the offer still waits. */
  ofMachine(mac: Mac, network: Subnet, nowMs: number): Offer | null;
  /** Whether the machine was offered anything in any network. */
  isWaiting(mac: Mac, nowMs: number): boolean;
  at(address: Ip4, nowMs: number): Offer | null;
  /** The same by the address as a number. */
  atNumber(address: number, nowMs: number): Offer | null;
}

const NONE: readonly Offer[] = [];

/** The offers of all links: at most one for an address, and one for a machine in each network. */
export class OfferTable implements Offers {
  /** In the order in which they were made, in which they also expire. */
  readonly #byAddress = new Map<number, Offer>();
  readonly #byMac = new Map<Mac, readonly Offer[]>();

  get size(): number {
    return this.#byAddress.size;
  }

  ofMachine(mac: Mac, network: Subnet, nowMs: number): Offer | null {
    const own = this.#byMac.get(mac) ?? NONE;
    return waiting(
      own.find(({ address }) => subnetContains(network, address)),
      nowMs,
    );
  }

  isWaiting(mac: Mac, nowMs: number): boolean {
    return (this.#byMac.get(mac) ?? NONE).some(({ untilMs }) => untilMs > nowMs);
  }

  at(address: Ip4, nowMs: number): Offer | null {
    return this.atNumber(ip4ToNumber(address), nowMs);
  }

  atNumber(address: number, nowMs: number): Offer | null {
    return waiting(this.#byAddress.get(address), nowMs);
  }

  /** Replaces the machine's offer in this network and any other offer of the address. */
  put(offer: Offer, nowMs: number): void {
    for (const old of this.#byAddress.values()) {
      if (old.untilMs > nowMs) break;
      this.#remove(old);
    }
    this.settle(offer.mac, offer.address);
    this.#byAddress.set(ip4ToNumber(offer.address), offer);
    this.#byMac.set(offer.mac, [...(this.#byMac.get(offer.mac) ?? NONE), offer]);
  }

  /** The machine got the address: its offer in this network ends, and any other machine's offer of the address. */
  settle(mac: Mac, address: Ip4): void {
    for (const own of this.#byMac.get(mac) ?? NONE) {
      if (subnetContains(own.network, address)) this.#remove(own);
    }
    const other = this.#byAddress.get(ip4ToNumber(address));
    if (other !== undefined) this.#remove(other);
  }

  /** The machine does not take the offer of this address. */
  withdraw(mac: Mac, address: Ip4): void {
    const offer = this.#byAddress.get(ip4ToNumber(address));
    if (offer?.mac === mac) this.#remove(offer);
  }

  #remove(offer: Offer): void {
    this.#byAddress.delete(ip4ToNumber(offer.address));
    const left = (this.#byMac.get(offer.mac) ?? NONE).filter((one) => one !== offer);
    if (left.length === 0) this.#byMac.delete(offer.mac);
    else this.#byMac.set(offer.mac, left);
  }
}

function waiting(offer: Offer | undefined, nowMs: number): Offer | null {
  return offer !== undefined && offer.untilMs > nowMs ? offer : null;
}
