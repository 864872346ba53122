import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planBoot } from "../../../src/boot/policy.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { type Journal, openJournal } from "../../../src/dhcp/leases/journal.ts";
import { replayJournal } from "../../../src/dhcp/leases/journal-format.ts";
import { type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import {
  type DhcpServer,
  type DhcpServerOptions,
  startDhcpServer,
} from "../../../src/dhcp/server/dhcp-server.ts";
import { BindError, SyncError } from "../../../src/lib/errors.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { UdpEndpoint, UdpSocket } from "../../../src/net/udp.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import {
  firmware,
  fullLink as usualFullLink,
  message,
  type Options,
  packetWith,
  policy,
  selecting,
} from "../../support/dhcp.ts";
import { noNode } from "../../support/node-entry.ts";
import { mutated, randomBytes, randomNumbers } from "../../support/random.ts";

const address = "127.0.0.1";
const subnet = { network: "127.0.0.0", prefixLength: 8 };
const fullLink = {
  ...usualFullLink,
  interface: "lo",
  address,
  subnet,
  full: { ...usualFullLink.full, pools: [{ first: "127.0.7.1", last: "127.0.7.50" }] },
};
const proxyLink: Link = { interface: "lo", address, subnet, mode: "proxy" };

/** A server on free ports of loopback, and what it reported. */
interface Running {
  readonly server: DhcpServer;
  readonly events: PxeEvent[];
  readonly leases: LeaseTable;
  /** In the order of `server.sockets`. */
  readonly ports: readonly number[];
  /** Resolves with the next event of that name, also with one that was there already. */
  readonly event: (name: PxeEvent["event"]) => Promise<PxeEvent>;
}

const toClose: { close(): Promise<void> }[] = [];
let folder = "";
let nowMs = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-dhcp-"));
  nowMs = 1_800_000_000_000;
});
afterEach(async () => {
  for (const one of toClose.splice(0).toReversed()) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(changes: Partial<DhcpServerOptions> = {}): Promise<Running> {
  const events: PxeEvent[] = [];
  const waiting: { name: string; resolve: (event: PxeEvent) => void }[] = [];
  const leases = changes.leases ?? new LeaseTable();
  const ports: number[] = [];
  const server = await startDhcpServer({
    links: [fullLink],
    openSocket: async (link) => {
      const socket = await openDgram({ address: link.address, port: 0 });
      ports.push(socket.local.port);
      return onLoopbackOnly(socket);
    },
    plan: (client, node, link) => planBoot(client, node, policy, `http://${link.address}:8080`),
    findNode: () => null,
    reservedFor: () => null,
    offerStyles: new OfferStyleTable(),
    smee: null,
    journal: null,
    isInUse: null,
    guard: null,
    emit: (event) => {
      events.push(event);
      for (const one of waiting.filter(({ name }) => name === event.event)) one.resolve(event);
    },
    clock: { now: () => nowMs, wall: () => nowMs },
    ...changes,
    leases,
  });
  toClose.push(server);
  return {
    server,
    events,
    leases,
    ports,
    event: (name) => {
      const had = events.find((event) => event.event === name);
      if (had !== undefined) return Promise.resolve(had);
      return new Promise((resolve) => waiting.push({ name, resolve }));
    },
  };
}

/** A packet may name any address for its reply; from a test nothing leaves the machine. */
function onLoopbackOnly(socket: UdpSocket): UdpSocket {
  return {
    ...socket,
    send: (payload, to) => {
      if (to.address.startsWith("127.")) socket.send(payload, to);
    },
  };
}

async function openClient(): Promise<UdpSocket> {
  const socket = await openDgram({ address, port: 0 });
  toClose.push(socket);
  return socket;
}

function answer(socket: UdpSocket): Promise<{ packet: DhcpPacket; from: UdpEndpoint }> {
  return new Promise((resolve) => {
    socket.onMessage((payload, from) => resolve({ packet: decodePacket(payload), from }));
  });
}

async function exchange(port: number, options: Options, changes: Partial<DhcpPacket> = {}) {
  const socket = await openClient();
  const answered = answer(socket);
  socket.send(encodePacket(packetWith(options, changes)), { address, port });
  return answered;
}

describe("a server in mode full", () => {
  test("leases an address, which is in the journal when the acknowledgement arrives", async () => {
    const leases = new LeaseTable();
    const { journal } = await openJournal({ dataDir: folder, leases });
    const { ports, events, event } = await start({ leases, journal });
    toClose.unshift(journal);
    const [port = 0] = ports;
    const offer = (await exchange(port, message(firmware.operatingSystem))).packet;
    const { packet, from } = await exchange(
      port,
      selecting(firmware.operatingSystem, address, offer.yiaddr),
    );
    const written = replayJournal(readFileSync(join(folder, "leases.journal"))).leases;
    expect(packet.options.get(53)).toEqual(Uint8Array.of(5));
    expect(from).toEqual({ address, port });
    expect(written).toEqual([leases.at(packet.yiaddr)]);
    expect(await event("lease-granted")).toMatchObject({
      mac: "08:00:27:29:4e:67",
      address: packet.yiaddr,
      interface: "lo",
      leaseSeconds: 3600,
    });
    expect(events.filter(({ event: name }) => name === "system-dhcp")).toHaveLength(2);
  });

  test("does not acknowledge what could not be written, and says so", async () => {
    const full: Journal = {
      append: () => Promise.reject(new SyncError("no space left on device")),
      written: new LeaseTable(),
      close: () => Promise.resolve(),
    };
    const { ports, event, events, leases } = await start({ journal: full });
    const [port = 0] = ports;
    const socket = await openClient();
    const heard: number[] = [];
    socket.onMessage((payload) => heard.push(decodePacket(payload).options.get(53)?.[0] ?? 0));
    const ask = selecting(firmware.operatingSystem, address, "127.0.7.9");
    socket.send(encodePacket(packetWith(ask)), { address, port });
    expect(await event("dhcp-failed")).toMatchObject({ reason: "no space left on device" });
    const offered = answer(socket);
    socket.send(encodePacket(packetWith(message(firmware.operatingSystem))), { address, port });
    expect((await offered).packet.op).toBe(2);
    expect(heard).toEqual([2]);
    expect(leases.all()).toEqual([]);
    expect(events).toContainEqual({
      event: "journal-unwritable",
      reason: "no space left on device",
    });
  });

  test("sends an offer while an acknowledgement waits for the disk, and both in the end", async () => {
    const written: Lease[] = [];
    let release = (): void => undefined;
    const disk = new Promise<void>((resolve) => (release = resolve));
    const slow: Journal = {
      append: async (lease) => {
        await disk;
        written.push(lease);
      },
      written: new LeaseTable(),
      close: () => Promise.resolve(),
    };
    const { ports } = await start({ journal: slow });
    const [port = 0] = ports;
    const chaddr = macToBytes("52:54:00:00:00:01");
    const ask = selecting(firmware.operatingSystem, address, "127.0.7.9");
    const acknowledged = exchange(port, ask, { chaddr });
    const offer = await exchange(port, message(firmware.operatingSystem), {
      options: new Map([...packetWith(message({})).options, [50, Uint8Array.of(127, 0, 7, 9)]]),
    });
    expect(offer.packet.yiaddr).not.toBe("127.0.7.9");
    expect(written).toEqual([]);
    release();
    expect((await acknowledged).packet.yiaddr).toBe("127.0.7.9");
  });

  test("reports a full pool once a minute, however many ask", async () => {
    const pools = [{ first: "127.0.7.1", last: "127.0.7.1" }];
    const links = [{ ...fullLink, full: { ...fullLink.full, pools } }];
    const { ports, events } = await start({ links });
    const [port = 0] = ports;
    await exchange(port, message(firmware.operatingSystem));
    const crowd = await openClient();
    const ask = (n: number): void => {
      const chaddr = Uint8Array.of(2, 0, 0, 0, 0, n);
      const packet = packetWith(message(firmware.operatingSystem), { chaddr });
      crowd.send(encodePacket(packet), { address, port });
    };
    const reported = (): number => events.filter(({ event }) => event === "pool-full").length;
    for (let n = 0; n < 20; n++) ask(n);
    await exchange(port, message(firmware.operatingSystem));
    expect(reported()).toBe(1);
    nowMs += 61_000;
    await exchange(port, message(firmware.operatingSystem));
    for (let n = 0; n < 20; n++) ask(n);
    await exchange(port, message(firmware.operatingSystem));
    expect(reported()).toBe(2);
  });
});

describe("a flood of strangers", () => {
  test("does not keep a machine from its lease, not even where it leaves no address", async () => {
    const pools = [{ first: "127.0.7.1", last: "127.0.7.20" }];
    const links = [{ ...fullLink, full: { ...fullLink.full, pools } }];
    const { ports, events, leases } = await start({
      links,
      findNode: ({ mac }) => (mac === "52:54:00:00:00:01" ? { ...noNode, mac } : null),
    });
    const [port = 0] = ports;
    const crowd = await openClient();
    const known = { chaddr: macToBytes("52:54:00:00:00:01") };
    const random = randomNumbers(11);
    for (let n = 0; n < 6000; n++) {
      const chaddr = Uint8Array.of(2, ...randomBytes(random, 5));
      const packet = packetWith(message(firmware.operatingSystem), { chaddr });
      crowd.send(encodePacket(packet), { address, port });
      // The socket's buffer is finite; let the server catch up.
      if (n % 50 === 0) await exchange(port, message(firmware.operatingSystem, 8), known);
      nowMs += 10;
    }
    const { packet } = await exchange(port, message(firmware.uefi), known);
    const ask = selecting(firmware.uefi, address, packet.yiaddr);
    const taken = await exchange(port, ask, known);
    expect(taken.packet.options.get(53)).toEqual(Uint8Array.of(5));
    expect(leases.all()).toMatchObject([{ mac: "52:54:00:00:00:01", address: packet.yiaddr }]);
    const floods = events.filter(({ event }) => event === "dhcp-flood");
    expect(floods[0]).toMatchObject({ interface: "lo", reason: "the pool is full", dropped: 1 });
    // A minute went by, and it is told every ten seconds at most.
    expect(floods.length).toBeGreaterThan(1);
    expect(floods.length).toBeLessThanOrEqual(7);
  });
});

describe("a server beside another one (mode proxy)", () => {
  test("listens on two ports, and answers each from where it was asked", async () => {
    const { server, ports } = await start({ links: [proxyLink] });
    const [main = 0, boot = 0] = ports;
    expect(server.sockets).toEqual([
      `dhcp lo ${address}:${main}`,
      `boot-server lo ${address}:${boot}`,
    ]);
    const offer = await exchange(main, message(firmware.uefi));
    expect(offer.from.port).toBe(main);
    expect(offer.packet).toMatchObject({ yiaddr: "0.0.0.0", siaddr: address, file: "ipxe.efi" });
    const booted = await exchange(boot, message(firmware.uefi, 3), { ciaddr: address });
    expect(booted.from.port).toBe(boot);
    expect(booted.packet.file).toBe("ipxe.efi");
  });
});

describe("a server that overhears the others of its link (mode proxy)", () => {
  /** An offer with option 60 `PXEClient` and no option 43, which no proxy can win against. */
  const offer = packetWith(
    { 53: Uint8Array.of(2), 54: ip4ToBytes("127.0.0.2"), 60: fromText("PXEClient") },
    { op: 2, yiaddr: "127.0.7.9" },
  );
  const taken = encodePacket(packetWith(selecting(firmware.uefi, "127.0.0.2", "127.0.7.9")));

  test("names the one that keeps a machine from its own offers", async () => {
    const handlers: Parameters<UdpSocket["onMessage"]>[0][] = [];
    const listener = await openDgram({ address, port: 0 });
    const openListener = async (): Promise<UdpSocket> => ({
      ...listener,
      onMessage: (handler) => handlers.push(handler),
    });
    const { ports, event } = await start({ links: [proxyLink], openListener });
    const from = { address: "127.0.0.2", port: 67 };
    for (const heard of [Uint8Array.of(1, 2, 3), encodePacket(offer)]) {
      for (const handler of handlers) handler(heard, from);
    }
    const client = await openDgram({ address, port: 0 });
    toClose.push(client);
    client.send(taken, { address, port: ports[0] ?? 0 });
    expect(await event("unbeatable-server")).toMatchObject({
      mac: "08:00:27:29:4e:67",
      interface: "lo",
      server: "127.0.0.2",
      reason: expect.stringContaining("remove option 60"),
    });
  });

  test("serves its link also when it cannot hear them, and says so", async () => {
    const openListener = () => Promise.reject(new BindError("cannot bind UDP 0.0.0.0:68"));
    const { ports, event } = await start({ links: [proxyLink], openListener });
    expect(await event("offers-unheard")).toEqual({
      event: "offers-unheard",
      interface: "lo",
      reason: "cannot bind UDP 0.0.0.0:68",
    });
    const { packet } = await exchange(ports[0] ?? 0, message(firmware.uefi));
    expect(packet.file).toBe("ipxe.efi");
  });

  test("does not listen in mode full, where its own offers count", async () => {
    let listeners = 0;
    const openListener = async () => {
      listeners += 1;
      return openDgram({ address, port: 0 });
    };
    await start({ links: [fullLink], openListener });
    expect(listeners).toBe(0);
  });
});

describe("a server, whatever its mode", () => {
  test("counts what is no DHCP, names its sender, and goes on", async () => {
    const { ports, events, event } = await start();
    const [port = 0] = ports;
    const socket = await openClient();
    socket.send(Uint8Array.of(1, 2, 3), { address, port });
    expect(await event("dhcp-malformed")).toMatchObject({ interface: "lo", from: address });
    const offer = await exchange(port, message(firmware.operatingSystem));
    expect(offer.packet.op).toBe(2);
    expect(events.filter(({ event: name }) => name === "dhcp-malformed")).toHaveLength(1);
  });

  test("says why it ignores a packet", async () => {
    const { ports, event } = await start();
    const [port = 0] = ports;
    const socket = await openClient();
    socket.send(encodePacket(packetWith(message({}), { op: 2 })), { address, port });
    expect(await event("dhcp-ignored")).toMatchObject({
      mac: "08:00:27:29:4e:67",
      reason: "not a BOOTREQUEST",
    });
  });

  test.each([
    ["full", fullLink],
    ["proxy", proxyLink],
  ] as const)("in mode %s survives 2,000 random and damaged packets", async (_, link) => {
    const { ports, events } = await start({ links: [link] });
    const random = randomNumbers(7);
    const socket = await openClient();
    const samples = [firmware.uefi, firmware.ipxe, firmware.uefiHttp, firmware.operatingSystem]
      .flatMap((options) => [1, 3, 4, 7, 8].map((type) => message(options, type)))
      .map((options) => encodePacket(packetWith(options)));
    for (let n = 0; n < 2000; n++) {
      const sample = samples[random(samples.length)] ?? new Uint8Array();
      const bytes = random(10) === 0 ? randomBytes(random, random(600)) : mutated(sample, random);
      for (const port of ports) socket.send(bytes, { address, port });
      // The socket's buffer is finite; let the server catch up. One machine may ask 200 times a second.
      nowMs += 10;
      if (n % 50 === 0) await exchange(ports[0] ?? 0, message(firmware.uefi));
    }
    const { packet } = await exchange(ports[0] ?? 0, message(firmware.uefi));
    expect(packet.op).toBe(2);
    expect(events.filter(({ event }) => event === "dhcp-failed")).toEqual([]);
  });

  test("that cannot have one of its sockets keeps none", async () => {
    const opened: UdpSocket[] = [];
    const starting = start({
      links: [proxyLink],
      openSocket: async (link) => {
        if (opened.length === 1) throw new BindError("port 4011 is taken");
        const socket = await openDgram({ address: link.address, port: 0 });
        opened.push(socket);
        return socket;
      },
    });
    await expect(starting).rejects.toThrow("port 4011 is taken");
    const [first] = opened;
    const again = await openDgram(first?.local ?? { address, port: 0 });
    expect(again.local).toEqual(first?.local);
    await again.close();
  });

  test("answers on a link from when it comes until it goes, and others are not disturbed", async () => {
    const { server, ports, leases } = await start();
    const other = await server.listen({ ...proxyLink, interface: "eth2" });
    expect(other.sockets.map((name) => name.split(" ").slice(0, 2))).toEqual([
      ["dhcp", "eth2"],
      ["boot-server", "eth2"],
    ]);
    const [full = 0, , proxy = 0, bootServer = 0] = ports;
    const { packet, from } = await exchange(proxy, message(firmware.uefi));
    expect([packet.yiaddr, from.port]).toEqual(["0.0.0.0", proxy]);
    const offered = (await exchange(full, message(firmware.operatingSystem))).packet;
    await exchange(full, selecting(firmware.operatingSystem, address, offered.yiaddr));
    await other.close();
    for (const port of [proxy, bootServer]) toClose.push(await openDgram({ address, port }));
    const again = (await exchange(full, message(firmware.operatingSystem))).packet;
    expect(again.yiaddr).toBe(offered.yiaddr);
    expect(leases.all()).toHaveLength(1);
  });

  test("frees its ports when it is closed, after what was under way", async () => {
    let release = (): void => undefined;
    const disk = new Promise<void>((resolve) => (release = resolve));
    const slow: Journal = {
      append: () => disk,
      written: new LeaseTable(),
      close: () => Promise.resolve(),
    };
    const { server, ports, leases } = await start({ journal: slow });
    const [port = 0] = ports;
    const acknowledged = exchange(port, selecting(firmware.uefi, address, "127.0.7.9"));
    // An offer to another machine proves that the request before it was taken in.
    await exchange(port, message(firmware.uefi), { chaddr: macToBytes("52:54:00:00:00:01") });
    expect(leases.at("127.0.7.9")?.state).toBe("bound");
    const closed = server.close();
    release();
    expect((await acknowledged).packet.options.get(53)).toEqual(Uint8Array.of(5));
    await closed;
    const again = await openDgram({ address, port });
    expect(again.local.port).toBe(port);
    await again.close();
  });
});
