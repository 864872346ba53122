import { SteadyClock } from "../../src/lib/clock.ts";
import { expect } from "vitest";
import { planBoot } from "../../src/boot/policy.ts";
import type { Siblings } from "../../src/boot/loader-choice.ts";
import type { NodeEntry } from "../../src/boot/node.ts";
import type { OfferStyle, OfferStyleTable } from "../../src/boot/offer-style.ts";
import { FirmwareMemory } from "../../src/daemon/state/firmware-memory.ts";
import { senders } from "../../src/daemon/state/sender.ts";
import type { OfferStyleKeeper } from "../../src/daemon/state/offer-style-file.ts";
import { decide, type Knowledge, type Role } from "../../src/dhcp/handlers/decide.ts";
import { OfferTable } from "../../src/dhcp/leases/offer-table.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../src/dhcp/link.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { readRequest } from "../../src/dhcp/message/request.ts";
import { pxeVendorOptions, readPxeVendorOptions } from "../../src/dhcp/wire/vendor-options.ts";
import { toText } from "../../src/lib/bytes.ts";
import { ANY_ADDRESS, ip4ToBytes } from "../../src/lib/ip4.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import type { Machine, PxeEvent } from "../../src/events/types.ts";
import { readRequestedName } from "../../src/tftp/wire/file-names.ts";
import { baseUrl, firmware, message, type Options, packetWith, policy } from "./dhcp.ts";

/*
 * Kinds of firmware that differ in what they make of an answer, each on a link of its own, from power-on
 * to the loader's name reaching TFTP.
 */

const loaders: readonly string[] = ["ipxe.efi", "snponly.efi"];
export const mac = "08:00:27:29:4e:67";
export const address = "192.168.77.50";

/** How a loader is fetched; default: by TFTP, by the machine itself. */
export interface Fetch {
  readonly protocol?: "tftp" | "http";
  readonly machine?: Partial<Machine>;
}

/** A run of the server on one link: packets in, packets out, what it learns kept in the folder `dataDir`. */
export class Site {
  readonly memory: FirmwareMemory;
  readonly table: OfferStyleTable;
  readonly events: PxeEvent[] = [];
  readonly link: Link;
  readonly keeper: OfferStyleKeeper;
  readonly #siblings: Siblings;
  /** Whose addresses are, as DHCP tells, and as the operating system's table of neighbours does. */
  readonly owners = new Map([[address, mac]]);
  readonly neighbours = new Map<string, string>();
  nowMs = 1_800_000_000_000;
  readonly #knowledge: Knowledge & { leases: LeaseTable };

  /** @param given an entry that every machine has, and loaders with those of the other kind that are there */
  constructor(
    link: Link,
    dataDir: string,
    given: { readonly node?: NodeEntry; readonly siblings?: Siblings } = {},
  ) {
    const { node = null, siblings = new Map() } = given;
    this.link = link;
    this.#siblings = siblings;
    this.memory = new FirmwareMemory({
      senderAt: senders(
        { ownerOf: (asked) => this.owners.get(asked ?? "") ?? null },
        (asked) => this.neighbours.get(asked) ?? null,
      ),
      dataDir,
      emit: (event) => this.events.push(event),
      clock: new SteadyClock({ now: () => this.nowMs, wall: () => this.nowMs }),
    });
    this.table = this.memory.offerStyles;
    this.keeper = this.memory.styles;
    const choices = this.memory.loaders.table;
    this.#knowledge = {
      plan: (client, entry) =>
        choices.applied(planBoot(client, entry, policy, baseUrl), client.mac, entry, this.nowMs),
      findNode: () => node,
      reservedFor: () => null,
      leases: new LeaseTable(),
      offers: new OfferTable(),
      offerStyles: this.table,
      smee: null,
    };
  }

  async start(): Promise<this> {
    await this.memory.start(() => Promise.resolve(this.#siblings));
    return this;
  }

  /** The reply as it is on the wire, or null. */
  ask(options: Options, role: Role = "server", changes: Partial<DhcpPacket> = {}) {
    const packet = packetWith(options, { chaddr: macToBytes(mac), ...changes });
    const port = role === "server" ? 68 : 4011;
    const source = { address: role === "server" ? ANY_ADDRESS : address, port };
    const request = readRequest(decodePacket(encodePacket(packet)), source);
    let reply: DhcpPacket | null = null;
    for (const effect of decide(request, this.link, role, this.#knowledge, this.nowMs)) {
      if (effect.kind === "remember") this.table.put(effect.machine);
      if (effect.kind === "record") this.#knowledge.leases.put(effect.lease, this.nowMs);
      if (effect.kind === "event") {
        this.events.push(effect.event);
        this.memory.hear(effect.event);
      }
      if (effect.kind === "send") reply = decodePacket(encodePacket(effect.packet));
    }
    return reply;
  }

  /** The machine, or one that names it, asks for a file by its name: true when that is the loader. */
  fetch(asked: string, by: Fetch = {}): boolean {
    const { spellings = [], repairs = [] } = readRequestedName(asked) ?? {};
    const name = [...spellings, ...repairs].find((one) => loaders.includes(one));
    if (name === undefined) return false;
    const machine = { mac, address, ...by.machine };
    const file = { file: name, bytes: 1 };
    const done = { durationMs: 1, retransmissions: 0 };
    if (by.protocol === "http") {
      const about = { ...machine, ...file, protocol: "http" } as const;
      this.memory.hear({ event: "loader-start", ...about });
      this.memory.hear({ event: "loader-done", ...about, ...done });
    } else {
      const about = { ...machine, ...file, protocol: "tftp" } as const;
      const terms = { blksize: 1468, windowsize: 4, timeoutSeconds: null };
      this.memory.hear({ event: "loader-start", ...about });
      this.memory.hear({ event: "loader-done", ...about, ...done, ...terms });
    }
    return true;
  }

  named(name: PxeEvent["event"]): PxeEvent[] {
    return this.events.filter(({ event }) => event === name);
  }
}

/** What a kind of firmware does with an offer: `file` it names, ask port 4011, or pass it over. */
export interface Kind {
  readonly name: string;
  readonly chooses: (offer: DhcpPacket) => "file" | "ask" | null;
  /** The name that it asks TFTP for. */
  readonly fileIn?: (reply: DhcpPacket) => string;
  /** By which of its four questions it must have its loader at the latest, in mode proxy. */
  readonly by: number;
  readonly learns: OfferStyle;
}

export const option43 = ({ options }: DhcpPacket) => options.get(OptionCode.VENDOR_SPECIFIC);
export const control = (offer: DhcpPacket) => {
  const value = option43(offer);
  return value === undefined ? null : readPxeVendorOptions(value).discoveryControl;
};
export const isPxe = ({ options }: DhcpPacket) =>
  toText(options.get(OptionCode.VENDOR_CLASS_IDENTIFIER) ?? new Uint8Array()) === "PXEClient";
export const in67 = ({ options }: DhcpPacket) =>
  toText(options.get(OptionCode.BOOTFILE_NAME) ?? new Uint8Array()).replace(/\0.*$/, "");
export const inFile = ({ file }: DhcpPacket) => file;
export const anyFile = (reply: DhcpPacket) => in67(reply) || inFile(reply);

export const kinds: readonly Kind[] = [
  {
    name: "takes the file of an offer with 43.6=8",
    chooses: (offer) => (control(offer) === 8 ? "file" : null),
    by: 1,
    learns: "direct",
  },
  {
    name: "passes over offers with 43.6=8 and wants port 4011",
    chooses: (offer) => (isPxe(offer) && control(offer) === null ? "ask" : null),
    by: 2,
    learns: "boot-server",
  },
  {
    name: "wants no option 43, and takes the file",
    chooses: (offer) => (option43(offer) === undefined ? "file" : null),
    by: 2,
    learns: "boot-server",
  },
  {
    name: "wants a menu that says where to ask",
    chooses: (offer) => {
      const value = option43(offer);
      const pxe = value === undefined ? null : readPxeVendorOptions(value);
      return (pxe?.bootServers.length ?? 0) > 0 && pxe?.bootMenu.length === 1 ? "ask" : null;
    },
    by: 3,
    learns: "menu",
  },
  {
    name: "reads only the header's file",
    chooses: (offer) => (offer.file === "" ? null : "file"),
    fileIn: inFile,
    by: 1,
    learns: "direct",
  },
  {
    name: "reads only option 67",
    chooses: (offer) => (in67(offer) === "" ? null : "file"),
    fileIn: in67,
    by: 1,
    learns: "direct",
  },
  {
    name: "adds 0xFF to the name",
    chooses: () => "file",
    fileIn: (reply) => `${anyFile(reply)}\xff`,
    by: 1,
    learns: "direct",
  },
  {
    name: "drops a reply with an empty option",
    chooses: ({ options }) =>
      [...options.values()].some((one) => one.length === 0) ? null : "file",
    by: 1,
    learns: "direct",
  },
  {
    name: "needs siaddr",
    chooses: ({ siaddr }) => (siaddr === ANY_ADDRESS ? null : "file"),
    by: 1,
    learns: "direct",
  },
];

/** Powers a machine on: the question by which it had its loader, or null when it gave up after the fourth. */
export function powerOn(site: Site, kind: Kind): number | null {
  const fileIn = kind.fileIn ?? anyFile;
  for (const [index, waitSeconds] of [0, 4, 8, 16].entries()) {
    site.nowMs += waitSeconds * 1000;
    const offer = site.ask(message(firmware.uefi));
    if (offer === null) continue;
    const choice = kind.chooses(offer);
    if (choice === null) continue;
    const taken = site.link.mode === "full" ? take(site, offer) : offer;
    const told = choice === "ask" ? askBootServer(site, offer) : taken;
    if (told !== null && site.fetch(fileIn(told))) return index + 1;
  }
  return null;
}

/** Takes the address of an offer. What it was offered is what it gets. */
export function take(site: Site, offer: DhcpPacket): DhcpPacket | null {
  const server = offer.options.get(OptionCode.SERVER_IDENTIFIER) ?? new Uint8Array();
  const wanted = { 50: ip4ToBytes(offer.yiaddr), 54: server };
  const ack = site.ask({ ...message(firmware.uefi, MessageType.REQUEST), ...wanted });
  expect([ack?.file, ack?.siaddr, ack?.yiaddr]).toEqual([offer.file, offer.siaddr, offer.yiaddr]);
  for (const code of [43, 54, 60, 66, 67]) {
    expect([code, ack?.options.get(code)]).toEqual([code, offer.options.get(code)]);
  }
  return ack;
}

export function askBootServer(site: Site, offer: DhcpPacket): DhcpPacket | null {
  const value = option43(offer);
  const item = value === undefined ? undefined : readPxeVendorOptions(value).bootMenu[0];
  const named = item === undefined ? null : { type: item.type, layer: 0 };
  const wanted: Options =
    named === null ? {} : { [OptionCode.VENDOR_SPECIFIC]: pxeVendorOptions({ bootItem: named }) };
  const asked = { ...message(firmware.uefi, MessageType.REQUEST), ...wanted };
  const reply = site.ask(asked, "boot-server", { ciaddr: address, flags: 0 });
  if (reply === null || named === null) return reply;
  const echoed = readPxeVendorOptions(option43(reply) ?? new Uint8Array()).bootItem;
  expect(echoed).toEqual(named);
  return reply;
}
