import { BoundedMap } from "../lib/bounded-map.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { MachineKey } from "./boot.ts";

/**
 * Which machine an address belongs to: what DHCP tells is known; what requests from an address say of
 * themselves, in a URL, only counts where nothing is known. Bounded in memory.
 */
export class AddressOwners {
  readonly #macs: BoundedMap<Ip4, Mac>;
  /** The address that a machine was last known to have. */
  readonly #addresses: BoundedMap<Mac, Ip4>;
  /** Machines that requests from other addresses name. */
  readonly #claims: BoundedMap<Ip4, Mac>;

  constructor(most: number) {
    this.#macs = new BoundedMap(most);
    this.#addresses = new BoundedMap(most);
    this.#claims = new BoundedMap(most);
  }

  /** The machine that an address is known to belong to, or else the one that requests from there name. */
  machineAt(address: Ip4 | null): Mac | null {
    if (address === null) return null;
    return this.#macs.get(address) ?? this.#claims.get(address) ?? null;
  }

  /** The machine that an address is known by DHCP to belong to. */
  ownerOf(address: Ip4 | null): Mac | null {
    return address === null ? null : (this.#macs.get(address) ?? null);
  }

  /**
   * The machine that a request from an address of nobody's is taken for: the one that it names, unless that is known
   * to have another address, or the one that others from there named.
   */
  claimant({ mac, address }: MachineKey): Mac | null {
    if (mac === null) return this.machineAt(address);
    const known = this.#addresses.get(mac);
    return known === undefined || known === address ? mac : null;
  }

  /** Notes which machine requests from an address name; false: that changes nothing. */
  claim(mac: Mac, address: Ip4): boolean {
    if (this.#macs.has(address) || this.#claims.get(address) === mac) return false;
    this.#claims.set(address, mac);
    return true;
  }

  /** Notes which machine has an address; false: that is known. */
  learn(mac: Mac, address: Ip4): boolean {
    const former = this.#macs.get(address);
    if (former === mac) return false;
    if (former !== undefined && this.#addresses.get(former) === address) {
      this.#addresses.delete(former);
    }
    this.#macs.set(address, mac);
    this.#addresses.set(mac, address);
    return true;
  }
}
