import { InternalError } from "../../lib/errors.ts";
import { type Ip4, ip4ToNumber } from "../../lib/ip4.ts";
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

/** What handlers see of the leases. */
export interface Leases {
  /** The machine's only lease, past or present; never a quarantine, which belongs to no machine. */
  ofMachine(mac: Mac): Lease | null;
  at(address: Ip4): Lease | null;
  /** The same by the address as a number. */
  atNumber(address: number): Lease | null;
  /** Whether addresses that were never handed out may be from now on: memory is bounded. */
  readonly hasRoom: boolean;
}

/**
 * The leases of all links. An address has at most one lease, and a machine has at most one lease that
 * is no quarantine. Past leases are kept, so that machines get their former address again; the number
 * of addresses on record is bounded.
 */
export class LeaseTable implements Leases {
  readonly #byAddress = new Map<number, Lease>();
  readonly #byMac = new Map<Mac, Lease>();
  readonly #limit: number;

  /** @param limit how many addresses are kept on record; beyond it only known ones are handed out */
  constructor(limit = 65_536) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byAddress.size;
  }

  get hasRoom(): boolean {
    return this.#byAddress.size < this.#limit;
  }

  ofMachine(mac: Mac): Lease | null {
    return this.#byMac.get(mac) ?? null;
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

  /**
   * Records a lease in place of what was known of its address and its machine.
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
  revert(lease: Lease, written: Pick<Leases, "at" | "ofMachine">): void {
    const address = ip4ToNumber(lease.address);
    // Another one has come after it, which has its own fate.
    if (this.#byAddress.get(address) !== lease) return;
    this.#byAddress.delete(address);
    if (this.#byMac.get(lease.mac) === lease) this.#byMac.delete(lease.mac);
    for (const former of [written.at(lease.address), written.ofMachine(lease.mac)]) {
      if (former === null || this.at(former.address) !== null) continue;
      if (isQuarantine(former) || !this.#byMac.has(former.mac)) this.restore(former);
    }
  }

  /** `put` without the check: for what the journal says, which was checked when it was written. */
  restore(lease: Lease): void {
    const address = ip4ToNumber(lease.address);
    const holder = this.#byAddress.get(address);
    if (holder !== undefined && this.#byMac.get(holder.mac) === holder) {
      this.#byMac.delete(holder.mac);
    }
    this.#byAddress.set(address, lease);
    if (isQuarantine(lease)) return;
    const former = this.#byMac.get(lease.mac);
    if (former !== undefined) this.#byAddress.delete(ip4ToNumber(former.address));
    this.#byMac.set(lease.mac, lease);
  }
}
