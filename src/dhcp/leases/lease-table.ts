import { InternalError } from "../../lib/errors.ts";
import {
  formatSubnet,
  type Ip4,
  ip4ToNumber,
  parseSubnet,
  type Subnet,
  subnetContains,
} from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";

/**
 * - `bound`: acknowledged.
 * - `released`: given back by its machine, which gets it again if it is still free.
 * - `declined`: its machine found it in use by another host; it is not handed out for a while.
 * - `in-use`: we found it in use before it was offered to the machine; it is not handed out for a while, unless
 *   no other address is left.
 */
export type LeaseState = "bound" | "declined" | "in-use" | "released";

/** What is recorded of one address that was handed out. Times are milliseconds since the Unix epoch. */
export interface Lease {
  /**
   * The machine. Firmware, iPXE and operating system send different client identifiers, so the
   * hardware address is what keeps one machine at one address throughout a boot.
   */
  readonly mac: Mac;
  readonly address: Ip4;
  /**
   * The network that the address was leased in, e.g. `192.168.77.0/24`: a machine has one lease in each
   * network (RFC 2131 4.3.1). Null where it is not known yet: on lines of a journal that did not have it.
   */
  readonly network: string | null;
  readonly state: LeaseState;
  /** From then on other machines may get the address. */
  readonly expiresAtMs: number;
  /** When this machine got this address; renewals do not change it. */
  readonly startedAtMs: number;
  /** Option 12 as the client sent it, made printable. */
  readonly hostname: string | null;
  /** Option 61 as the client sent it, in hex; at most 255 bytes of it. */
  readonly clientId: string | null;
}

/** Whether it only says that the address is in use by another host: such a record belongs to no machine. */
export function isQuarantine({ state }: Lease): boolean {
  return state === "declined" || state === "in-use";
}

/** Whether the address belongs to the lease's machine (or is in quarantine), so that no other machine may have it. */
export function isActive(lease: Lease, nowMs: number): boolean {
  return lease.state !== "released" && lease.expiresAtMs > nowMs;
}

/** The same lease by a clock that shows so much more. */
export function later(lease: Lease, byMs: number): Lease {
  if (byMs === 0) return lease;
  const { startedAtMs, expiresAtMs } = lease;
  return { ...lease, startedAtMs: startedAtMs + byMs, expiresAtMs: expiresAtMs + byMs };
}

/** Whether two leases of a machine are in one network, so that the later one replaces the earlier one. */
function inOneNetwork(a: Lease, b: Lease): boolean {
  if (a.network !== null && b.network !== null) return a.network === b.network;
  const network = parseSubnet(a.network ?? b.network ?? "");
  return network !== null && [a, b].every(({ address }) => subnetContains(network, address));
}

/** What handlers see of the leases. */
export interface Leases {
  /**
   * The machine's only lease in a network, past or present; never a quarantine, which belongs to no machine.
   * When two networks have become one by configuration, the one that was recorded last.
   */
  ofMachine(mac: Mac, network: Subnet): Lease | null;
  /** The machine's leases in all networks, the one that was recorded last at the end. */
  allOfMachine(mac: Mac): readonly Lease[];
  at(address: Ip4): Lease | null;
  /** The same by the address as a number. */
  atNumber(address: number): Lease | null;
  /** All with their addresses as numbers, whatever their state, in no order that means anything; without a copy. */
  byAddress(): Iterable<readonly [address: number, lease: Lease]>;
  /** Whether addresses that were never handed out may be from now on: memory is bounded. */
  readonly hasRoom: boolean;
}

const NONE: readonly Lease[] = [];

/**
 * The leases of all links. An address has at most one lease, and a machine has at most one lease in each
 * network that is no quarantine. Past leases are kept, so that machines get their former address again; the
 * number of addresses on record is bounded.
 */
export class LeaseTable implements Leases {
  readonly #byAddress = new Map<number, Lease>();
  /** Nearly always one; the one that was recorded last at the end. */
  readonly #byMac = new Map<Mac, readonly Lease[]>();
  readonly #limit: number;

  /** @param limit how many addresses are kept on record; beyond it only known ones are handed out */
  constructor(limit = 131_072) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byAddress.size;
  }

  get hasRoom(): boolean {
    return this.#byAddress.size < this.#limit;
  }

  /** Forgets all. */
  clear(): void {
    this.#byAddress.clear();
    this.#byMac.clear();
  }

  ofMachine(mac: Mac, network: Subnet): Lease | null {
    const own = this.#byMac.get(mac) ?? NONE;
    for (let i = own.length - 1; i >= 0; i--) {
      const lease = own[i];
      if (lease !== undefined && subnetContains(network, lease.address)) return lease;
    }
    return null;
  }

  /** The addresses that a machine has leased, or had last in each network. */
  readonly addressesOf = (mac: Mac): readonly Ip4[] =>
    this.allOfMachine(mac).map(({ address }) => address);

  allOfMachine(mac: Mac): readonly Lease[] {
    return this.#byMac.get(mac) ?? NONE;
  }

  at(address: Ip4): Lease | null {
    return this.atNumber(ip4ToNumber(address));
  }

  atNumber(address: number): Lease | null {
    return this.#byAddress.get(address) ?? null;
  }

  /** All leases, whatever their state, in no order that means anything. */
  all(): readonly Lease[] {
    return [...this.#byAddress.values()];
  }

  byAddress(): Iterable<readonly [address: number, lease: Lease]> {
    return this.#byAddress;
  }

  /**
   * Records a lease in place of what was recorded of its address, and of its machine in that network.
   *
   * @throws {InternalError} when the address belongs to another machine now.
   */
  put(lease: Lease, nowMs: number): void {
    const holder = this.at(lease.address);
    if (holder !== null && holder.mac !== lease.mac && isActive(holder, nowMs)) {
      throw new InternalError(
        `${lease.address} cannot go to ${lease.mac}, it belongs to ${holder.mac}`,
      );
    }
    this.restore(lease);
  }

  /** Puts back what `written` says of the address and the machine of a lease that could not be written. */
  revert(lease: Lease, written: Pick<Leases, "at" | "allOfMachine">): void {
    // Another one has come after it, which has its own fate.
    if (this.at(lease.address) !== lease) return;
    this.#remove(lease);
    const formers = [written.at(lease.address), ...written.allOfMachine(lease.mac).toReversed()];
    for (const former of formers) {
      if (former === null || this.at(former.address) !== null) continue;
      const own = this.allOfMachine(former.mac);
      const replaced = own.some((one) => inOneNetwork(one, former));
      if (isQuarantine(former) || !replaced) this.restore(former);
    }
  }

  /** `put` without the check: for what the journal says, which was checked when it was written. */
  restore(lease: Lease): void {
    const number = ip4ToNumber(lease.address);
    const holder = this.atNumber(number);
    this.#byAddress.set(number, lease);
    if (holder !== null) {
      const own = this.allOfMachine(holder.mac);
      // As a rule a machine gets again what it has, and has nothing else.
      if (
        holder.mac === lease.mac &&
        own.length === 1 &&
        own[0] === holder &&
        !isQuarantine(lease)
      ) {
        this.#byMac.set(lease.mac, [lease]);
        return;
      }
      this.#takeFromMachine(holder);
    }
    if (isQuarantine(lease)) return;
    for (const former of this.allOfMachine(lease.mac)) {
      if (inOneNetwork(former, lease)) this.#remove(former);
    }
    this.#byMac.set(lease.mac, [...this.allOfMachine(lease.mac), lease]);
  }

  /**
   * From now on leases are in this network, too: those whose network was not known and whose address is in it
   * get it. Journals of former versions had one lease for each machine, its last one: here the others in one
   * network end.
   */
  adoptNetwork(network: Subnet): void {
    const name = formatSubnet(network);
    const without = [...this.#byMac.values()].flat().filter((lease) => lease.network === null);
    for (const lease of without) {
      if (subnetContains(network, lease.address)) this.restore({ ...lease, network: name });
    }
  }

  #remove(lease: Lease): void {
    this.#byAddress.delete(ip4ToNumber(lease.address));
    this.#takeFromMachine(lease);
  }

  #takeFromMachine(lease: Lease): void {
    const left = this.allOfMachine(lease.mac).filter((one) => one !== lease);
    if (left.length === 0) this.#byMac.delete(lease.mac);
    else this.#byMac.set(lease.mac, left);
  }
}
