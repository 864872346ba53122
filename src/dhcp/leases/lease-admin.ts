import type { SteadyClock } from "../../lib/clock.ts";
import { formatSubnet, type Ip4, ip4ToNumber, type Subnet, subnetContains } from "../../lib/ip4.ts";
import { FirstOf } from "../../lib/lists/first-of.ts";
import { atOnce } from "../../lib/lists/turns.ts";
import type { Emit } from "../../events/types.ts";
import type { LeaseStore } from "./lease-store.ts";
import { isActive, isQuarantine, later, type Lease, type LeaseTable } from "./lease-table.ts";
import type { AddressRange, Link } from "../link.ts";
import { countIn, poolSize } from "./pool.ts";

/** How full the pools of one network are. */
export interface PoolState {
  readonly interface: string;
  readonly network: string;
  /** Addresses in the pools. */
  readonly addresses: number;
  /** Of these: leased now. */
  readonly leased: number;
  /** Of these: in quarantine, because another host uses them. */
  readonly quarantined: number;
  readonly free: number;
}

/** A running lease of another server. */
export type ImportedLease = Omit<Lease, "state" | "network">;

export interface ImportResult {
  readonly imported: number;
  readonly skipped: readonly { readonly address: Ip4; readonly reason: string }[];
}

export interface LeaseAdminParts {
  readonly leases: LeaseTable;
  readonly journal: LeaseStore | null;
  /** Those that are served now. */
  readonly links: () => readonly Link[];
  readonly emit: Emit;
  /** By which the leases have their times; what comes and goes here has the system's. */
  readonly clock: SteadyClock;
}

const OUTSIDE = "it is in no network of a link in mode full";

interface Network {
  readonly interface: string;
  readonly subnet: Subnet;
  readonly pools: readonly AddressRange[];
}

/** What administrators do with leases: list them, release one, import those of another server. */
export class LeaseAdmin {
  readonly #parts: LeaseAdminParts;

  constructor(parts: LeaseAdminParts) {
    this.#parts = parts;
    for (const { subnet } of this.#networks()) parts.leases.adoptNetwork(subnet);
  }

  /** Leases and quarantines in force, by address. */
  list(): readonly Lease[] {
    return atOnce(this.page(null, Infinity));
  }

  /** The same from the address after this one on (null: from the first), `limit` at most; a step for each lease on record. */
  *page(after: Ip4 | null, limit: number): Generator<void, readonly Lease[]> {
    const { leases, clock } = this.#parts;
    const above = after === null ? -1 : ip4ToNumber(after);
    const nowMs = clock.wall();
    const first = new FirstOf<number>(limit, (a, b) => a - b);
    for (const [address, lease] of leases.byAddress()) {
      if (address > above && isActive(lease, nowMs)) first.add(address);
      yield;
    }
    return first.sorted().flatMap((address) => {
      const lease = leases.atNumber(address);
      return lease === null ? [] : [later(lease, clock.offsetMs)];
    });
  }

  /** The lease or quarantine in force of an address; null when it is free. */
  at(address: Ip4): Lease | null {
    const { leases, clock } = this.#parts;
    const lease = leases.at(address);
    const isInForce = lease !== null && isActive(lease, clock.wall());
    return isInForce ? later(lease, clock.offsetMs) : null;
  }

  /** How full the pools are; a step for each lease on record. What comes or goes between the steps may count or not. */
  *pools(): Generator<void, readonly PoolState[]> {
    const { leased, quarantined } = yield* this.#inUse();
    return this.#networks().map(({ interface: name, subnet, pools }) => {
      const addresses = poolSize(pools);
      const ofLeases = countIn(leased, pools);
      const ofQuarantines = countIn(quarantined, pools);
      return {
        interface: name,
        network: formatSubnet(subnet),
        addresses,
        leased: ofLeases,
        quarantined: ofQuarantines,
        free: addresses - ofLeases - ofQuarantines,
      };
    });
  }

  /**
   * Frees an address, whichever machine has it, or ends its quarantine; null when it is free. The machine does
   * not learn of it: it goes on using the address until it renews, and then gets it again or a NAK.
   */
  async release(address: Ip4): Promise<Lease | null> {
    const { leases, emit, clock } = this.#parts;
    const nowMs = clock.wall();
    const lease = leases.at(address);
    if (lease === null || !isActive(lease, nowMs)) return null;
    const state = isQuarantine(lease) ? lease.state : "released";
    const freed: Lease = { ...lease, state, expiresAtMs: nowMs };
    await this.#record([freed]);
    const name = networkOf(this.#networks(), address)?.interface ?? "";
    emit({ event: "lease-released", mac: lease.mac, address, interface: name });
    return later(freed, clock.offsetMs);
  }

  /** Imports leases of another server: those that have not expired, are in a network of ours and contradict no lease here. */
  async import(offered: readonly ImportedLease[]): Promise<ImportResult> {
    const accepted: Lease[] = [];
    const skipped: { address: Ip4; reason: string }[] = [];
    const bindings = new Set<string>();
    const networks = this.#networks();
    for (const lease of offered) {
      const network = networkOf(networks, lease.address);
      const binding = `${lease.mac} ${network === null ? "" : formatSubnet(network.subnet)}`;
      const reason = bindings.has(binding)
        ? `${lease.mac} has another lease in the file`
        : this.#objection(lease, network);
      if (reason !== null || network === null) {
        skipped.push({ address: lease.address, reason: reason ?? OUTSIDE });
        continue;
      }
      bindings.add(binding);
      const taken = { ...lease, state: "bound", network: formatSubnet(network.subnet) } as const;
      accepted.push(later(taken, -this.#parts.clock.offsetMs));
    }
    await this.#record(accepted);
    return { imported: accepted.length, skipped };
  }

  /** The addresses in use, rising: then to count what is in a range is two searches, however many networks there are. */
  *#inUse(): Generator<void, { readonly leased: Uint32Array; readonly quarantined: Uint32Array }> {
    const { leases, clock } = this.#parts;
    const nowMs = clock.wall();
    const leased: number[] = [];
    const quarantined: number[] = [];
    for (const [address, lease] of leases.byAddress()) {
      if (isActive(lease, nowMs)) (isQuarantine(lease) ? quarantined : leased).push(address);
      yield;
    }
    return {
      leased: Uint32Array.from(leased).toSorted(),
      quarantined: Uint32Array.from(quarantined).toSorted(),
    };
  }

  #objection({ mac, address, expiresAtMs }: ImportedLease, network: Network | null): string | null {
    const { leases, clock } = this.#parts;
    const nowMs = clock.wall();
    if (expiresAtMs - clock.offsetMs <= nowMs) return "it has expired";
    if (network === null) return OUTSIDE;
    const holder = leases.at(address);
    if (holder !== null && isActive(holder, nowMs) && holder.mac !== mac) {
      return `${holder.mac} has the address here`;
    }
    const own = leases.ofMachine(mac, network.subnet);
    if (own !== null && isActive(own, nowMs) && own.address !== address) {
      return `${mac} has ${own.address} here`;
    }
    return null;
  }

  #networks(): readonly Network[] {
    return this.#parts.links().flatMap((link): Network[] => {
      if (link.mode !== "full") return [];
      return [link, ...link.relayed].map(({ subnet, full }) => {
        return { interface: link.interface, subnet, pools: full.pools };
      });
    });
  }

  /** @throws whatever the journal rejects with; then nothing has changed */
  async #record(changed: readonly Lease[]): Promise<void> {
    const { leases, journal, clock } = this.#parts;
    for (const lease of changed) leases.put(lease, clock.wall());
    if (journal === null) return;
    try {
      await Promise.all(changed.map((lease) => journal.append(lease)));
    } catch (error) {
      for (const lease of changed) leases.revert(lease, journal.written);
      throw error;
    }
  }
}

function networkOf(networks: readonly Network[], address: Ip4): Network | null {
  return networks.find(({ subnet }) => subnetContains(subnet, address)) ?? null;
}
