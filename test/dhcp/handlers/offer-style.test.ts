import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planBoot } from "../../../src/boot/policy.ts";
import { type OfferStyle, OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { OfferStyleKeeper } from "../../../src/daemon/state/offer-style-file.ts";
import { decide, type Knowledge, type Role } from "../../../src/dhcp/handlers/decide.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import {
  decodePacket,
  type DhcpPacket,
  encodePacket,
  MessageType,
} from "../../../src/dhcp/wire/packet.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { pxeVendorOptions, readPxeVendorOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { fromText, toText, u16 } from "../../../src/lib/bytes.ts";
import { ANY_ADDRESS, ip4ToBytes } from "../../../src/lib/ip4.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { readRequestedName } from "../../../src/tftp/wire/file-names.ts";
import {
  baseUrl,
  firmware,
  fullLink,
  message,
  type Options,
  packetWith,
  policy,
  proxyLink,
} from "../../support/dhcp.ts";

/*
 * Kinds of firmware that differ in what they make of an answer, each on a link of its own, from power-on
 * to the loader's name reaching TFTP; then switched on again, after a restart of the server.
 */

const mac = "08:00:27:29:4e:67";
const address = "192.168.77.50";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-ways-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

/** A run of the server on one link: packets in, packets out, what it learns kept in `dataDir`. */
class Site {
  readonly table = new OfferStyleTable();
  readonly events: PxeEvent[] = [];
  readonly link: Link;
  readonly keeper: OfferStyleKeeper;
  nowMs = 1_800_000_000_000;
  readonly #knowledge: Knowledge & { leases: LeaseTable };

  constructor(link: Link) {
    this.link = link;
    this.keeper = new OfferStyleKeeper({
      table: this.table,
      dataDir,
      emit: (event) => this.events.push(event),
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
    });
    this.#knowledge = {
      plan: (client, node) => planBoot(client, node, policy, baseUrl),
      findNode: () => null,
      reservedFor: () => null,
      leases: new LeaseTable(),
      offers: new OfferTable(),
      offerStyles: this.table,
      smee: null,
    };
  }

  async start(): Promise<this> {
    await this.keeper.start();
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
      if (effect.kind === "event") this.events.push(effect.event);
      if (effect.kind === "send") reply = decodePacket(encodePacket(effect.packet));
    }
    return reply;
  }

  /** The machine asks TFTP for a name: true when that is the loader. */
  fetch(name: string): boolean {
    const { spellings = [], repairs = [] } = readRequestedName(name) ?? {};
    if (![...spellings, ...repairs].includes("ipxe.efi")) return false;
    const machine = { mac, address };
    const file = { file: "ipxe.efi", protocol: "tftp", bytes: 1 } as const;
    this.keeper.hear({ event: "loader-start", ...machine, ...file });
    const terms = { blksize: 1468, windowsize: 4, timeoutSeconds: null };
    const done = { durationMs: 1, retransmissions: 0, ...terms };
    this.keeper.hear({ event: "loader-done", ...machine, ...file, ...done });
    return true;
  }

  named(name: PxeEvent["event"]): PxeEvent[] {
    return this.events.filter(({ event }) => event === name);
  }
}

/** What a kind of firmware does with an offer: `file` it names, ask port 4011, or pass it over. */
interface Kind {
  readonly name: string;
  readonly chooses: (offer: DhcpPacket) => "file" | "ask" | null;
  /** The name that it asks TFTP for. */
  readonly fileIn?: (reply: DhcpPacket) => string;
  /** By which of its four questions it must have its loader at the latest, in mode proxy. */
  readonly by: number;
  readonly learns: OfferStyle;
}

const option43 = ({ options }: DhcpPacket) => options.get(OptionCode.VENDOR_SPECIFIC);
const control = (offer: DhcpPacket) => {
  const value = option43(offer);
  return value === undefined ? null : readPxeVendorOptions(value).discoveryControl;
};
const isPxe = ({ options }: DhcpPacket) =>
  toText(options.get(OptionCode.VENDOR_CLASS_IDENTIFIER) ?? new Uint8Array()) === "PXEClient";
const in67 = ({ options }: DhcpPacket) =>
  toText(options.get(OptionCode.BOOTFILE_NAME) ?? new Uint8Array()).replace(/\0.*$/, "");
const inFile = ({ file }: DhcpPacket) => file;
const anyFile = (reply: DhcpPacket) => in67(reply) || inFile(reply);

const kinds: readonly Kind[] = [
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
function powerOn(site: Site, kind: Kind): number | null {
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
function take(site: Site, offer: DhcpPacket): DhcpPacket | null {
  const server = offer.options.get(OptionCode.SERVER_IDENTIFIER) ?? new Uint8Array();
  const wanted = { 50: ip4ToBytes(offer.yiaddr), 54: server };
  const ack = site.ask({ ...message(firmware.uefi, MessageType.REQUEST), ...wanted });
  expect([ack?.file, ack?.siaddr, ack?.yiaddr]).toEqual([offer.file, offer.siaddr, offer.yiaddr]);
  for (const code of [43, 54, 60, 66, 67]) {
    expect([code, ack?.options.get(code)]).toEqual([code, offer.options.get(code)]);
  }
  return ack;
}

function askBootServer(site: Site, offer: DhcpPacket): DhcpPacket | null {
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

describe.each([
  ["proxy", proxyLink],
  ["full", fullLink],
] as const)("in mode %s", (_, link) => {
  test.each(kinds)("firmware that $name boots", async (kind) => {
    const site = await new Site(link).start();
    expect(powerOn(site, kind)).toBeLessThanOrEqual(kind.by);
    expect(site.table.of(mac).proven?.style).toBe(kind.learns);
    await site.keeper.close();

    // The next day, after a restart: at its first question.
    const later = await new Site(link).start();
    later.nowMs += 86_400_000;
    expect(powerOn(later, kind)).toBe(1);
    expect(later.named("adapted")).toEqual([]);
  });
});

describe("what people hear of it", () => {
  const stubborn = kinds.find(({ learns }) => learns === "menu");

  test("each other way that is tried, and what was learnt", async () => {
    const site = await new Site(proxyLink).start();
    if (stubborn === undefined) throw new Error("no such kind");
    powerOn(site, stubborn);
    const machine = { mac, address: null, interface: "eth1" };
    expect(site.named("adapted")).toEqual([
      { event: "adapted", ...machine, way: "boot-server" },
      { event: "adapted", ...machine, way: "menu" },
    ]);
    expect(site.named("way-learnt")).toEqual([{ event: "way-learnt", mac, address, way: "menu" }]);
    const offers = site.events.flatMap((one) => (one.event === "offer" ? [one.way] : []));
    expect(offers).toEqual(["direct", "boot-server", "menu", "menu"]);
  });

  test("a machine that is forgotten begins anew, also after a restart", async () => {
    const site = await new Site(proxyLink).start();
    if (stubborn === undefined) throw new Error("no such kind");
    powerOn(site, stubborn);
    expect(site.keeper.forget(mac)).toBe(true);
    expect(site.keeper.forget(mac)).toBe(false);
    await site.keeper.close();
    const later = await new Site(proxyLink).start();
    expect(powerOn(later, stubborn)).toBe(3);
  });
});

describe("the file with what was learnt", () => {
  test("is readable, and complete after many changes at once", async () => {
    const site = await new Site(proxyLink).start();
    const [kind] = kinds;
    if (kind === undefined) throw new Error("no such kind");
    powerOn(site, kind);
    await site.keeper.close();
    const { machines } = JSON.parse(readFileSync(join(dataDir, "ways.json"), "utf8"));
    expect(machines).toEqual([{ mac, way: "direct", since: new Date(site.nowMs).toISOString() }]);
  });

  test("of which an entry is spoilt keeps the others", async () => {
    const kept = { mac, way: "menu", since: "2026-11-25T10:00:00.000Z" };
    const spoilt = [{ ...kept, mac: "02:00:00:00:00:01:02:03" }, { mac, way: "x" }, 7];
    writeFileSync(join(dataDir, "ways.json"), JSON.stringify({ machines: [...spoilt, kept] }));
    const site = await new Site(proxyLink).start();
    expect(site.table.proven()).toEqual([
      { mac, style: "menu", provenAtMs: Date.parse(kept.since) },
    ]);
    expect(site.named("ways-unread")).toEqual([]);
  });

  test.each(["{", '{"machines": "none"}'])(
    "that is damaged is reported, and machines boot all the same: %s",
    async (text) => {
      writeFileSync(join(dataDir, "ways.json"), text);
      const site = await new Site(proxyLink).start();
      expect(site.named("ways-unread")).toHaveLength(1);
      const [kind] = kinds;
      expect(kind === undefined ? null : powerOn(site, kind)).toBe(1);
    },
  );

  test("that cannot be written is reported, and what was learnt holds until the end", async () => {
    const site = await new Site(proxyLink).start();
    rmSync(dataDir, { recursive: true });
    writeFileSync(dataDir, "a file where the folder was");
    const [, kind] = kinds;
    if (kind === undefined) throw new Error("no such kind");
    powerOn(site, kind);
    await site.keeper.close();
    expect(site.named("ways-unkept")).toHaveLength(1);
    expect(powerOn(site, kind)).toBe(1);
  });
});

describe("a loader that does not say that it is one", () => {
  /** An iPXE whose user class nobody knows. */
  const silent: Options = { ...firmware.uefi, [OptionCode.USER_CLASS]: fromText("custom") };

  test("is handed the loader twice, then the script, and the event says so", async () => {
    const site = await new Site(proxyLink).start();
    const files: string[] = [];
    for (const waitSeconds of [0, 10, 10]) {
      site.nowMs += waitSeconds * 1000;
      const offer = site.ask(message(silent));
      files.push(offer?.file ?? "");
      site.fetch(offer?.file ?? "");
    }
    const script = `${baseUrl}/${mac}/boot.ipxe`;
    expect(files).toEqual(["ipxe.efi", "ipxe.efi", script]);
    const machine = { mac, address: null, interface: "eth1" };
    const loop = { event: "loader-loop", ...machine, loader: "ipxe.efi", boots: script };
    expect(site.named("loader-loop")).toEqual([loop]);
    // Its REQUEST and port 4011 are told the same.
    const request = { ...message(silent, MessageType.REQUEST), 54: ip4ToBytes("192.168.77.1") };
    expect(site.ask(request)?.file).toBe(script);
    expect(site.ask(message(silent, MessageType.REQUEST), "boot-server")?.file).toBe(script);
    // It fetches the script: all is well, and the next boot begins with the loader.
    const read = { uuid: null, serial: null, generation: null };
    site.keeper.hear({ event: "script", mac, address, ...read });
    site.nowMs += 60_000;
    expect(site.ask(message(silent))?.file).toBe("ipxe.efi");
  });

  test("also where it says that it is iPXE and lacks HTTP", async () => {
    const site = await new Site(proxyLink).start();
    const lacking = { ...firmware.ipxe, [OptionCode.IPXE_ENCAPSULATED]: Uint8Array.of(21, 1, 1) };
    const files: string[] = [];
    for (const waitSeconds of [0, 10, 10]) {
      site.nowMs += waitSeconds * 1000;
      files.push(site.ask(message(lacking))?.file ?? "");
      site.fetch("ipxe.efi");
    }
    expect(files).toEqual(["ipxe.efi", "ipxe.efi", `${baseUrl}/${mac}/boot.ipxe`]);
  });

  test("also in mode full, and after UEFI HTTP boot has fetched it first", async () => {
    const site = await new Site(fullLink).start();
    const files: string[] = [];
    for (const options of [firmware.uefiHttp, silent, silent, silent]) {
      site.nowMs += 10_000;
      files.push(site.ask(message(options))?.file ?? "");
      if (options === silent) site.fetch("ipxe.efi");
    }
    const own = `${baseUrl}/${mac}`;
    expect(files).toEqual([`${own}/ipxe.efi`, "ipxe.efi", "ipxe.efi", `${own}/boot.ipxe`]);
  });

  test("is not what anybody fetches by a URL with the machine's hardware address", async () => {
    const site = await new Site(proxyLink).start();
    site.ask(message(firmware.uefi));
    const file = {
      mac,
      address: "192.168.77.66",
      file: "ipxe.efi",
      protocol: "http",
      bytes: 1,
    } as const;
    for (let i = 0; i < 3; i++) {
      site.keeper.hear({ event: "loader-start", ...file });
      site.keeper.hear({ event: "loader-done", ...file, durationMs: 1, retransmissions: 0 });
    }
    site.nowMs += 5000;
    expect(site.ask(message(firmware.uefi))?.file).toBe("ipxe.efi");
    expect(site.table.of(mac).proven).toBeNull();
  });

  test("is no machine whose iPXE is heard in between", async () => {
    const site = await new Site(proxyLink).start();
    for (let boot = 0; boot < 5; boot++) {
      site.nowMs += 60_000;
      expect(site.ask(message(firmware.uefi))?.file).toBe("ipxe.efi");
      site.fetch("ipxe.efi");
      site.nowMs += 5000;
      expect(site.ask(message(firmware.ipxe))?.file).toContain("boot.ipxe");
    }
    expect(site.named("loader-loop")).toEqual([]);
  });
});

describe("a machine of which nothing is kept", () => {
  test.each([8, 16])("has a hardware address of %i bytes", async (length) => {
    const site = await new Site(proxyLink).start();
    const chaddr = Uint8Array.from({ length }, (_, i) => i + 2);
    for (const waitSeconds of [0, 4, 8]) {
      site.nowMs += waitSeconds * 1000;
      expect(site.ask(message(firmware.uefi), "server", { chaddr })?.options.get(43)?.[2]).toBe(8);
    }
  });

  test("is not answered: nothing is tried out on it, and nothing is told of that", async () => {
    const site = await new Site({ ...fullLink, full: { ...fullLink.full, pools: [] } }).start();
    for (const waitSeconds of [0, 4, 8]) {
      site.nowMs += waitSeconds * 1000;
      expect(site.ask(message(firmware.uefi))).toBeNull();
    }
    expect(site.named("adapted")).toEqual([]);
    expect(site.table.of(mac).attempt).toBeNull();
  });
});

describe("who is answered in one way only", () => {
  test.each([
    ["UEFI HTTP boot", firmware.uefiHttp, "08:00:27:29:4e:67"],
    ["iPXE", firmware.ipxe, "08:00:27:29:4e:67"],
    ["a Raspberry Pi", { ...firmware.bios, 93: u16(0) }, "dc:a6:32:01:02:03"],
  ] as const)("%s", async (_, options, machine) => {
    const site = await new Site(proxyLink).start();
    const chaddr = macToBytes(machine);
    const first = site.ask(message(options), "server", { chaddr });
    for (const waitSeconds of [4, 8, 16]) {
      site.nowMs += waitSeconds * 1000;
      expect(site.ask(message(options), "server", { chaddr })).toEqual(first);
    }
    expect(site.named("adapted")).toEqual([]);
  });
});
