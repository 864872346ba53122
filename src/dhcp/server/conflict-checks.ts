import type { Clock } from "../../lib/clock.ts";
import { formatSubnet, type Ip4, subnetContains } from "../../lib/ip4.ts";
import { isActive, type Lease, type LeaseTable } from "../leases/lease-table.ts";
import type { Link } from "../link.ts";

/** So many addresses in use, one after the other and none free between them, are not static addresses. */
const UNBELIEVABLE = 3;
/** For how long no address is checked in a network where something answers for every address. */
const DISTRUST_MS = 600_000;

/** An address that was found in use, and the quarantine that it is in until this is known to be wrong. */
interface Conflict {
  readonly quarantine: Lease | null;
  /** What was known of the address before. */
  readonly former: Lease | null;
}

interface Network {
  /** By address: those found in use since one was last found free. */
  readonly unconfirmed: Map<Ip4, Conflict>;
  distrustedUntilMs: number;
}

/**
 * Whether the results of conflict checks can be relied on. Something may answer for every address: a router or a
 * private VLAN with proxy ARP, or a hostile neighbour. So a conflict is unconfirmed until another address of the
 * same network was found free; until then its quarantine is in memory only and can be taken back.
 */
export class ConflictChecks {
  readonly #leases: LeaseTable;
  readonly #clock: Clock;
  readonly #networks = new Map<string, Network>();

  constructor(leases: LeaseTable, clock: Clock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** Whether a check of an address of this network tells anything. */
  areReliable(link: Link, address: Ip4): boolean {
    return this.#clock.now() >= this.#of(link, address).distrustedUntilMs;
  }

  /** An address was found free: this confirms the quarantines of those found in use before it, which are to be written. */
  foundFree(link: Link, address: Ip4): readonly Lease[] {
    const { unconfirmed } = this.#of(link, address);
    const confirmed = [...unconfirmed.values()].flatMap(({ quarantine }) =>
      quarantine !== null && this.#leases.at(quarantine.address) === quarantine ? [quarantine] : [],
    );
    unconfirmed.clear();
    return confirmed;
  }

  /**
   * An address was found in use: `quarantine` begins, in memory. Returns whether that is believable; when it
   * is not, this quarantine and those before it are withdrawn and the network is not checked for a while.
   */
  foundInUse(link: Link, address: Ip4, quarantine: Lease | null): boolean {
    const network = this.#of(link, address);
    const former = this.#leases.at(address);
    network.unconfirmed.set(address, { quarantine, former });
    if (network.unconfirmed.size >= UNBELIEVABLE) {
      this.#withdraw(network);
      return false;
    }
    if (quarantine === null) return true;
    const nowMs = this.#clock.wall();
    // During the check another machine may have got it.
    const others = former !== null && former.mac !== quarantine.mac && isActive(former, nowMs);
    if (!others) this.#leases.put(quarantine, nowMs);
    return true;
  }

  #withdraw(network: Network): void {
    network.distrustedUntilMs = this.#clock.now() + DISTRUST_MS;
    for (const { quarantine, former } of network.unconfirmed.values()) {
      if (quarantine === null) continue;
      this.#leases.revert(quarantine, { at: () => former, allOfMachine: () => [] });
    }
    network.unconfirmed.clear();
  }

  #of(link: Link, address: Ip4): Network {
    const key = `${link.interface} ${networkName(link, address)}`;
    const network = this.#networks.get(key) ?? {
      unconfirmed: new Map(),
      distrustedUntilMs: -Infinity,
    };
    this.#networks.set(key, network);
    return network;
  }
}

/** The network of the link that an address is in, for people: `192.168.77.0/24`. */
export function networkName(link: Link, address: Ip4): string {
  const relayed = link.mode === "full" ? link.relayed : [];
  const found = [link, ...relayed].find(({ subnet }) => subnetContains(subnet, address));
  return formatSubnet((found ?? link).subnet);
}
