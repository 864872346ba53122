import type { OfferStyleTable } from "../../boot/offer-style.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Emit, PxeEvent } from "../../events/types.ts";
import type { Effect } from "../handlers/effects.ts";
import type { Destination } from "../message/destination.ts";
import type { Journal } from "../leases/journal.ts";
import { isQuarantine, type Lease, type LeaseTable } from "../leases/lease-table.ts";
import type { Link } from "../link.ts";
import type { OfferTable } from "../leases/offer-table.ts";
import type { DhcpPacket } from "../wire/packet.ts";
import { networkName, Suspicions } from "./conflict-checks.ts";
import { safeSeconds, shortened } from "./unwritten-lease.ts";

/** Whether somebody else than the machine answers at the address now; null when nobody could be asked. */
export type IsInUse = (link: Link, address: Ip4, mac: Mac) => Promise<boolean | null>;

export interface PerformerParts {
  readonly leases: LeaseTable;
  readonly offers: OfferTable;
  readonly offerStyles: OfferStyleTable;
  /** Null keeps the leases in memory only. */
  readonly journal: Journal | null;
  /** Null: addresses are offered unseen. */
  readonly isInUse: IsInUse | null;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** The request whose effects are performed. */
export interface Occasion {
  readonly link: Link;
  readonly mac: Mac | null;
  /** Decides about the request as things are now. */
  readonly decide: () => readonly Effect[];
  readonly send: (packet: DhcpPacket, to: Destination) => void;
}

/** After so many addresses that somebody sits at, one is offered unseen: the machine declines it if need be. */
const MOST_CHECKS = 3;
/** A full pool is worth a line a minute for each link, not one for each packet. */
const POOL_FULL_EVERY_MS = 60_000;
/** Another server is there in each of its clients' requests. */
const OTHER_SERVER_EVERY_MS = 3_600_000;
/** Clients name whatever server they like, so what was told of is bounded. */
const MOST_TOLD = 64;

/** Does what the handlers decide. */
export class Performer {
  readonly #parts: PerformerParts;
  /** When a state was last told of that each packet shows anew. */
  readonly #toldAtMs = new Map<string, number>();
  /** How many records the disk has refused since it last took one. */
  #unwritten = 0;
  readonly #suspicions: Suspicions;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
    this.#suspicions = new Suspicions(parts.leases, parts.clock);
  }

  /**
   * Performs the effects in their order. Up to the first one that takes time all happens at once, so the
   * next request finds the leases as this one left them. Never rejects.
   */
  async perform(occasion: Occasion): Promise<void> {
    try {
      let checks = 0;
      while (await this.#isRefuted(occasion.decide(), occasion, checks < MOST_CHECKS)) checks += 1;
    } catch (error) {
      const { mac, link } = occasion;
      const fields = { mac, address: null, interface: link.interface };
      this.#parts.emit({ event: "dhcp-failed", ...fields, reason: messageOf(error) });
    }
  }

  /** Resolves with whether a check came between, so that the request must be decided anew. */
  async #isRefuted(
    effects: readonly Effect[],
    occasion: Occasion,
    mayCheck: boolean,
  ): Promise<boolean> {
    const { leases, offers, offerStyles, clock, emit } = this.#parts;
    const { link, mac } = occasion;
    // What an acknowledgement may promise at most; null: what was decided.
    let atMostSeconds: number | null = null;
    let standing: readonly Lease[] = [];
    for (const decided of effects) {
      const effect = atMostSeconds === null ? decided : shortened(decided, atMostSeconds);
      switch (effect.kind) {
        case "offer":
          offers.put(effect.offer, clock.wall());
          break;
        case "withdraw":
          offers.withdraw(effect.mac);
          break;
        case "check": {
          if (!mayCheck) break;
          const inUse = await this.#look(link, effect.address, effect.mac);
          // Meanwhile another request may have shown that answers are worth nothing here.
          if (inUse === null || !this.#suspicions.trusts(link, effect.address)) break;
          if (!inUse) {
            standing = this.#suspicions.free(link, effect.address);
            break;
          }
          emit(effect.event);
          if (!this.#suspicions.taken(link, effect.address, effect.quarantine)) {
            const network = networkName(link, effect.address);
            emit({ event: "conflict-check-unreliable", interface: link.interface, network });
          }
          if (effect.quarantine === null) break;
          offers.withdraw(effect.mac);
          return true;
        }
        case "record":
          leases.put(effect.lease, clock.wall());
          // A quarantine is nobody's, so it ends no offer of the machine that found it.
          if (!isQuarantine(effect.lease)) {
            offers.settle(effect.lease.mac, effect.lease.address);
          }
          atMostSeconds = await this.#write(effect.lease);
          break;
        case "remember":
          offerStyles.put(effect.machine);
          break;
        case "send":
          occasion.send(effect.packet, effect.to);
          break;
        case "event":
          this.#report(effect.event, link);
          break;
        case "ignore": {
          const fields = { mac, address: null, interface: link.interface };
          emit({ event: "dhcp-ignored", ...fields, reason: effect.reason });
        }
      }
    }
    for (const lease of standing) await this.#write(lease);
    return false;
  }

  /** Null where nobody could be asked, or where somebody answers for every address. */
  async #look(link: Link, address: Ip4, mac: Mac): Promise<boolean | null> {
    const { isInUse } = this.#parts;
    if (isInUse === null || !this.#suspicions.trusts(link, address)) return null;
    return isInUse(link, address, mac);
  }

  /**
   * RFC 2131 3.1: the lease is in permanent storage before its DHCPACK leaves. Resolves with null, or with
   * the seconds that are safe all the same when the disk does not take it; rejects when none are.
   */
  async #write(lease: Lease): Promise<number | null> {
    const { journal, leases, clock, emit } = this.#parts;
    if (journal === null) return null;
    try {
      await journal.append(lease);
    } catch (error) {
      if (this.#unwritten === 0) emit({ event: "journal-unwritable", reason: messageOf(error) });
      this.#unwritten += 1;
      // A quarantine that is in memory only is better than none.
      if (!isQuarantine(lease)) leases.revert(lease, journal.written);
      const seconds = safeSeconds(lease, journal.written.at(lease.address), clock.wall());
      if (seconds === null) throw error;
      return seconds;
    }
    if (this.#unwritten > 0) emit({ event: "journal-writable", failed: this.#unwritten });
    this.#unwritten = 0;
    return null;
  }

  #report(event: PxeEvent, link: Link): void {
    switch (event.event) {
      case "pool-full":
        if (this.#wasTold(`full ${link.interface}`, POOL_FULL_EVERY_MS)) return;
        break;
      case "other-dhcp-server":
        if (this.#wasTold(`${event.server} ${link.interface}`, OTHER_SERVER_EVERY_MS)) return;
        break;
      default:
    }
    this.#parts.emit(event);
  }

  #wasTold(what: string, withinMs: number): boolean {
    const now = this.#parts.clock.now();
    const last = this.#toldAtMs.get(what);
    if (last !== undefined && now - last < withinMs) return true;
    if (this.#toldAtMs.size >= MOST_TOLD) this.#toldAtMs.clear();
    this.#toldAtMs.set(what, now);
    return false;
  }
}
