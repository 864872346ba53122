import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import { formatSubnet, type Ip4, subnetContains } from "../../lib/ip4.ts";
import { isActive, isQuarantine, type Lease, type LeaseTable } from "../leases/lease-table.ts";
import type { Link } from "../link.ts";
import type { Emit } from "../../events/types.ts";
import type { Mac } from "../../lib/mac.ts";

/**
 * Who answers at an address: no host, the machine that it was asked for, another one, or one of which it cannot
 * be told whether it is that machine; null: it could not be checked.
 */
export type AddressUse = "nobody" | "machine" | "other" | "somebody" | null;

/** How an address is asked for. */
export interface Asking {
  /** However many are asked for. */
  readonly urgent: boolean;
  /** Whether a host that was there before may have left: machines do that have, or had, a lease. */
  readonly mayHaveLeft: (mac: Mac) => boolean;
}

/** Asks who uses an address, as seen by the machine. */
export type UsedBy = (link: Link, address: Ip4, mac: Mac, how: Asking) => Promise<AddressUse>;

/** So many addresses in use, one after the other and none free between them, are not static addresses. */
const UNBELIEVABLE = 3;
/** The same where machines have leases that are not known here. */
const UNBELIEVABLE_WHILE_RECOVERING = 256;
/** Addresses whose check is remembered: some hundred are under way at most, and a flood asks for ever new ones. */
const MOST_CHECKED = 4096;
/** For how long no address is checked in a network where something answers for every address. */
const DISTRUST_MS = 600_000;

/** An address that was found in use, and the quarantine that it is in until this is known to be wrong. */
interface Conflict {
  readonly quarantine: Lease | null;
  /** What was known of the address before. */
  readonly former: Lease | null;
  /** The number of its check. */
  readonly check: number;
}

interface Network {
  /** By address: those found in use since one was last found free. */
  readonly unconfirmed: Map<Ip4, Conflict>;
  /** The checks under way, by number, and the number of the last one of each address. */
  readonly underWay: Set<number>;
  readonly checks: BoundedMap<Ip4, number>;
  distrustedUntilMs: number;
}

export interface ConflictCheckParts {
  readonly leases: LeaseTable;
  /** Null: addresses are not checked. */
  readonly usedBy: UsedBy | null;
  readonly emit: Emit;
  readonly clock: Clock;
}

/**
 * Checks who uses an address, and whether the results can be relied on. Something may answer for every address: a router or a
 * private VLAN with proxy ARP, or a hostile neighbour. So a conflict is unconfirmed until another address of the
 * same network was found free; until then its quarantine is in memory only and can be taken back. A host answers at once, and
 * that none does is known a tenth of a second later: so those that were asked for before have their time.
 */
export class ConflictChecks {
  readonly #parts: ConflictCheckParts;
  readonly #networks = new Map<string, Network>();
  #lastCheck = 0;

  constructor(parts: ConflictCheckParts) {
    this.#parts = parts;
  }

  /** Whether a check of an address of this network tells anything. */
  areReliable(link: Link, address: Ip4): boolean {
    const { usedBy, clock } = this.#parts;
    return usedBy !== null && clock.now() >= this.#of(link, address).distrustedUntilMs;
  }

  /** Whether every address of this network can be checked: that of the link itself, where hosts answer ARP. */
  arePossible(link: Link, address: Ip4): boolean {
    return this.areReliable(link, address) && subnetContains(link.subnet, address);
  }

  /** Who uses an address. When it resolves, another check may have shown that they are not reliable here. */
  async usedBy(link: Link, address: Ip4, mac: Mac, urgent = false): Promise<AddressUse> {
    const { usedBy, leases } = this.#parts;
    if (usedBy === null) return null;
    const record = leases.at(address);
    const wasLeased = record !== null && !isQuarantine(record);
    const mayHaveLeft = (host: Mac): boolean => wasLeased || leases.allOfMachine(host).length > 0;
    const { underWay, checks } = this.#of(link, address);
    const check = ++this.#lastCheck;
    underWay.add(check);
    checks.set(address, check);
    try {
      return await usedBy(link, address, mac, { urgent, mayHaveLeft });
    } finally {
      underWay.delete(check);
    }
  }

  /** An address was found free: this confirms the quarantines of those found in use before it, which are to be written. */
  foundFree(link: Link, address: Ip4): readonly Lease[] {
    const { unconfirmed } = this.#of(link, address);
    const confirmed = [...unconfirmed.values()].flatMap(({ quarantine }) =>
      quarantine !== null && this.#parts.leases.at(quarantine.address) === quarantine
        ? [quarantine]
        : [],
    );
    unconfirmed.clear();
    return confirmed;
  }

  /**
   * An address was found in use: `quarantine` begins, in memory. Returns whether that is believable; when it
   * is not, that is reported, this quarantine and those before it are withdrawn, and the network is not checked
   * for a while.
   */
  foundInUse(link: Link, address: Ip4, quarantine: Lease | null, recovering = false): boolean {
    const network = this.#of(link, address);
    const former = this.#parts.leases.at(address);
    const check = network.checks.get(address) ?? 0;
    network.unconfirmed.set(address, { quarantine, former, check });
    const most = recovering ? UNBELIEVABLE_WHILE_RECOVERING : UNBELIEVABLE;
    if (network.unconfirmed.size >= most && !mayStillBeFree(network)) {
      this.#withdraw(network);
      const name = networkName(link, address);
      const { interface: device } = link;
      this.#parts.emit({ event: "conflict-check-unreliable", interface: device, network: name });
      return false;
    }
    if (quarantine === null) return true;
    const nowMs = this.#parts.clock.wall();
    // During the check another machine may have got it.
    const leased = former !== null && !isQuarantine(former) && isActive(former, nowMs);
    if (!leased || former.mac === quarantine.mac) this.#parts.leases.restore(quarantine);
    return true;
  }

  #withdraw(network: Network): void {
    network.distrustedUntilMs = this.#parts.clock.now() + DISTRUST_MS;
    for (const { quarantine, former } of network.unconfirmed.values()) {
      if (quarantine === null) continue;
      this.#parts.leases.revert(quarantine, { at: () => former, allOfMachine: () => [] });
    }
    network.unconfirmed.clear();
  }

  #of(link: Link, address: Ip4): Network {
    const key = `${link.interface} ${networkName(link, address)}`;
    const network = this.#networks.get(key) ?? {
      unconfirmed: new Map(),
      underWay: new Set<number>(),
      checks: new BoundedMap<Ip4, number>(MOST_CHECKED),
      distrustedUntilMs: -Infinity,
    };
    this.#networks.set(key, network);
    return network;
  }
}

/** Whether an address may turn out to be free that was asked for before the last one of those found in use was. */
function mayStillBeFree({ unconfirmed, underWay }: Network): boolean {
  const last = Math.max(...Array.from(unconfirmed.values(), ({ check }) => check));
  return [...underWay].some((check) => check < last);
}

/** The network of the link that an address is in, for people: `192.168.77.0/24`. */
export function networkName(link: Link, address: Ip4): string {
  const relayed = link.mode === "full" ? link.relayed : [];
  const found = [link, ...relayed].find(({ subnet }) => subnetContains(subnet, address));
  return formatSubnet((found ?? link).subnet);
}
