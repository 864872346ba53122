import type { NodeEntry } from "../../src/boot/node.ts";
import { OfferStyleTable } from "../../src/boot/offer-style.ts";
import type { LeaseStore } from "../../src/dhcp/leases/lease-store.ts";
import {
  isActive,
  isQuarantine,
  type Lease,
  LeaseTable,
} from "../../src/dhcp/leases/lease-table.ts";
import { handleFull } from "../../src/dhcp/handlers/full.ts";
import { OfferTable } from "../../src/dhcp/leases/offer-table.ts";
import { type DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import type { UsedBy } from "../../src/dhcp/server/conflict-checks.ts";
import { EffectRunner } from "../../src/dhcp/server/effect-runner.ts";
import { readRequest } from "../../src/dhcp/message/request.ts";
import { ANY_ADDRESS } from "../../src/lib/ip4.ts";
import { SyncError } from "../../src/lib/errors.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import {
  firmware,
  fullLink,
  message,
  type Options,
  ourAddress,
  packetWith,
  planFor,
  selecting,
} from "./dhcp.ts";

export const [macA, macB] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];
export const system = firmware.operatingSystem;

/** A disk that is there, or not. */
export class Disk implements LeaseStore {
  readonly written = new LeaseTable();
  full = false;
  append(lease: Lease): Promise<void> {
    if (this.full) return Promise.reject(new SyncError("no space left on device"));
    this.written.restore(lease);
    return Promise.resolve();
  }
  isWritable(): boolean | Promise<boolean> {
    return !this.full;
  }
  noteClock(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class EffectSite {
  readonly disk = new Disk();
  readonly leases: LeaseTable;
  readonly offers = new OfferTable();
  readonly events: PxeEvent[] = [];
  readonly replies: DhcpPacket[] = [];
  readonly checked: string[] = [];
  link = fullLink;
  node: NodeEntry | null = null;
  /** The entry of all other machines, by a wildcard; null: they have none. */
  wide: NodeEntry | null = null;
  /** Another replica granted leases that are not known here. */
  recovering = false;
  usedBy: UsedBy = () => Promise.resolve("nobody");
  readonly #time: { nowMs: number };
  readonly #runner: EffectRunner;

  constructor(
    leases = new LeaseTable(),
    journal: LeaseStore | null = null,
    time: { nowMs: number } = { nowMs: 1_800_000_000_000 },
  ) {
    this.#time = time;
    this.leases = leases;
    this.#runner = new EffectRunner({
      leases,
      offers: this.offers,
      offerStyles: new OfferStyleTable(),
      journal: journal ?? this.disk,
      usedBy: (link, address, mac, how) => {
        this.checked.push(address);
        return this.usedBy(link, address, mac, how);
      },
      emit: (event) => void this.events.push(event),
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
    });
  }

  get nowMs(): number {
    return this.#time.nowMs;
  }

  set nowMs(nowMs: number) {
    this.#time.nowMs = nowMs;
  }

  async ask(mac: string, options: Options, ciaddr = ANY_ADDRESS): Promise<DhcpPacket | null> {
    const packet = packetWith(options, { chaddr: macToBytes(mac), ciaddr });
    const request = readRequest(packet, { address: ciaddr, port: 68 });
    const node = this.node?.mac === mac ? this.node : this.wide;
    const reservedFor = (address: string) => (this.node?.address === address ? this.node : null);
    const entriesWithoutAddress = () => (this.node !== null && this.node.address === null ? 1 : 0);
    const { leases, offers } = this;
    const mayLackLeases = () => this.recovering;
    const state = { leases, offers, reservedFor, entriesWithoutAddress, mayLackLeases };
    const plan = planFor(request);
    const before = this.replies.length;
    const send = (reply: DhcpPacket) => void this.replies.push(reply);
    const startsOver = request.messageType === MessageType.DISCOVER;
    await this.#runner.answer({ link: this.link, mac, startsOver, send }, () =>
      handleFull(request, plan, this.link, node, state, this.nowMs),
    );
    const chaddr = macToBytes(mac).toString();
    return this.replies.slice(before).find((one) => one.chaddr.toString() === chaddr) ?? null;
  }

  async lease(mac: string): Promise<string> {
    const offer = await this.ask(mac, message(system));
    const address = offer?.yiaddr ?? "";
    await this.ask(mac, selecting(system, ourAddress, address));
    return address;
  }

  decline(mac: string, address: string): Promise<DhcpPacket | null> {
    const options = selecting(system, ourAddress, address);
    return this.ask(mac, { ...options, ...message({}, MessageType.DECLINE) });
  }

  /** The same link with other pools. */
  withPool(first: string, last: string): this {
    this.link = { ...fullLink, full: { ...fullLink.full, pools: [{ first, last }] } };
    return this;
  }

  quarantined(): readonly string[] {
    return this.leases
      .all()
      .filter((one) => isQuarantine(one) && isActive(one, this.nowMs))
      .map(({ address }) => address);
  }

  renew(mac: string, address: string): Promise<DhcpPacket | null> {
    return this.ask(mac, message(system, MessageType.REQUEST), address);
  }

  names(): readonly string[] {
    return this.events.map(({ event }) => event).filter((name) => name !== "system-dhcp");
  }
}
