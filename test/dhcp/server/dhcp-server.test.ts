import { SteadyClock, systemClock } from "../../../src/lib/clock.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../../../src/dhcp/leases/journal.ts";
import type { LeaseStore } from "../../../src/dhcp/leases/lease-store.ts";
import { replayJournal } from "../../../src/dhcp/leases/journal-format.ts";
import { type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { BindError, SyncError } from "../../../src/lib/errors.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { firmware, message, packetWith, selecting } from "../../support/dhcp.ts";
import { emptyNode } from "../../../src/boot/node.ts";
import { shownEvents } from "../../support/shown-events.ts";
import { mutated, randomBytes, randomNumbers } from "../../support/random.ts";
import { address, answer, DhcpServers, fullLink, proxyLink } from "../../support/dhcp-servers.ts";

let site: DhcpServers;
beforeEach(() => (site = new DhcpServers()));
afterEach(() => site.close());

describe("a server in mode full", () => {
  test("leases an address, which is in the journal when the acknowledgement arrives", async () => {
    const leases = new LeaseTable();
    const { journal } = await openJournal({
      dataDir: site.folder,
      leases,
      clock: new SteadyClock(systemClock),
    });
    const { ports, events, event } = await site.start({ leases, journal });
    site.closeLast(journal);
    const [port = 0] = ports;
    const offer = (await site.exchange(port, message(firmware.operatingSystem))).packet;
    const { packet, from } = await site.exchange(
      port,
      selecting(firmware.operatingSystem, address, offer.yiaddr),
    );
    const written = replayJournal(readFileSync(join(site.folder, "leases.journal"))).leases;
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
    const full: LeaseStore = {
      noteClock: () => Promise.resolve(),
      isWritable: () => Promise.resolve(true),
      append: () => Promise.reject(new SyncError("no space left on device")),
      written: new LeaseTable(),
      close: () => Promise.resolve(),
    };
    const { ports, event, events, leases } = await site.start({ journal: full });
    const [port = 0] = ports;
    const socket = await site.openClient();
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
    const slow: LeaseStore = {
      noteClock: () => Promise.resolve(),
      isWritable: () => Promise.resolve(true),
      append: async (lease) => {
        await disk;
        written.push(lease);
      },
      written: new LeaseTable(),
      close: () => Promise.resolve(),
    };
    const { ports } = await site.start({ journal: slow });
    const [port = 0] = ports;
    const chaddr = macToBytes("52:54:00:00:00:01");
    const ask = selecting(firmware.operatingSystem, address, "127.0.7.9");
    const acknowledged = site.exchange(port, ask, { chaddr });
    const offer = await site.exchange(port, message(firmware.operatingSystem), {
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
    const { ports, events } = await site.start({ links });
    const [port = 0] = ports;
    await site.exchange(port, message(firmware.operatingSystem));
    const crowd = await site.openClient();
    const ask = (n: number): void => {
      const chaddr = Uint8Array.of(2, 0, 0, 0, 0, n);
      const packet = packetWith(message(firmware.operatingSystem), { chaddr });
      crowd.send(encodePacket(packet), { address, port });
    };
    const reported = (): number => events.filter(({ event }) => event === "pool-full").length;
    for (let n = 0; n < 20; n++) ask(n);
    await site.exchange(port, message(firmware.operatingSystem));
    expect(reported()).toBe(1);
    site.nowMs += 61_000;
    await site.exchange(port, message(firmware.operatingSystem));
    for (let n = 0; n < 20; n++) ask(n);
    await site.exchange(port, message(firmware.operatingSystem));
    expect(reported()).toBe(2);
  });
});

describe("a flood of strangers", () => {
  test("does not keep a machine from its lease, not even where it leaves no address", async () => {
    const pools = [{ first: "127.0.7.1", last: "127.0.7.20" }];
    const links = [{ ...fullLink, full: { ...fullLink.full, pools } }];
    const { emit, shown } = shownEvents({ now: () => site.nowMs, wall: () => site.nowMs });
    const { ports, leases } = await site.start({
      links,
      emit,
      findNode: ({ mac }) => (mac === "52:54:00:00:00:01" ? { ...emptyNode, mac } : null),
    });
    const [port = 0] = ports;
    const crowd = await site.openClient();
    const known = { chaddr: macToBytes("52:54:00:00:00:01") };
    const random = randomNumbers(11);
    for (let n = 0; n < 6000; n++) {
      const chaddr = Uint8Array.of(2, ...randomBytes(random, 5));
      const packet = packetWith(message(firmware.operatingSystem), { chaddr });
      crowd.send(encodePacket(packet), { address, port });
      // The socket's buffer is finite; let the server catch up.
      if (n % 50 === 0) await site.exchange(port, message(firmware.operatingSystem, 8), known);
      site.nowMs += 10;
    }
    const { packet } = await site.exchange(port, message(firmware.uefi), known);
    const ask = selecting(firmware.uefi, address, packet.yiaddr);
    const taken = await site.exchange(port, ask, known);
    expect(taken.packet.options.get(53)).toEqual(Uint8Array.of(5));
    expect(leases.all()).toMatchObject([{ mac: "52:54:00:00:00:01", address: packet.yiaddr }]);
    const floods = shown.filter(({ event }) => event === "dhcp-flood");
    expect(floods[0]).toMatchObject({ interface: "lo", reason: "the pool is full", dropped: 1 });
    // A minute went by, and the log shows it every ten seconds at most.
    expect(floods.length).toBeGreaterThan(1);
    expect(floods.length).toBeLessThanOrEqual(7);
  });
});

describe("a flood of strangers behind relay agents that are made up, too", () => {
  test("does not have a full pool looked through for each of them", async () => {
    // All that is in it is the router's.
    const pools = [{ first: "10.8.0.1", last: "10.8.0.1" }];
    const behind = {
      subnet: { network: "10.8.0.0", prefixLength: 16 },
      full: { ...fullLink.full, pools, router: ["10.8.0.1"] },
    };
    const links = [{ ...fullLink, relayed: [behind] }];
    const { ports, events } = await site.start({ links });
    const [port = 0] = ports;
    const crowd = await site.openClient();
    for (let n = 0; n < 30; n++) {
      const made = { chaddr: Uint8Array.of(2, 0, 0, 0, 0, n), giaddr: `10.8.1.${n}` };
      const packet = packetWith(message(firmware.operatingSystem), made);
      crowd.send(encodePacket(packet), { address, port });
    }
    await site.exchange(port, message(firmware.operatingSystem));
    const named = (name: string) => events.filter(({ event }) => event === name);
    expect(named("pool-full")).toMatchObject([{ network: "10.8.0.0/16" }]);
    expect(named("dhcp-flood")).toHaveLength(29);
  });
});

describe("a server, whatever its mode", () => {
  test("counts what is no DHCP, names its sender, and goes on", async () => {
    const { ports, events, event } = await site.start();
    const [port = 0] = ports;
    const socket = await site.openClient();
    socket.send(Uint8Array.of(1, 2, 3), { address, port });
    expect(await event("dhcp-malformed")).toMatchObject({ interface: "lo", from: address });
    const offer = await site.exchange(port, message(firmware.operatingSystem));
    expect(offer.packet.op).toBe(2);
    expect(events.filter(({ event: name }) => name === "dhcp-malformed")).toHaveLength(1);
  });

  test("says why it ignores a packet", async () => {
    const { ports, event } = await site.start();
    const [port = 0] = ports;
    const socket = await site.openClient();
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
    const { ports, events } = await site.start({ links: [link] });
    const random = randomNumbers(7);
    const socket = await site.openClient();
    const samples = [firmware.uefi, firmware.ipxe, firmware.uefiHttp, firmware.operatingSystem]
      .flatMap((options) => [1, 3, 4, 7, 8].map((type) => message(options, type)))
      .map((options) => encodePacket(packetWith(options)));
    for (let n = 0; n < 2000; n++) {
      const sample = samples[random(samples.length)] ?? new Uint8Array();
      const bytes = random(10) === 0 ? randomBytes(random, random(600)) : mutated(sample, random);
      for (const port of ports) socket.send(bytes, { address, port });
      // The socket's buffer is finite; let the server catch up. One machine may ask 200 times a second.
      site.nowMs += 10;
      if (n % 50 === 0) await site.exchange(ports[0] ?? 0, message(firmware.uefi));
    }
    const { packet } = await site.exchange(ports[0] ?? 0, message(firmware.uefi));
    expect(packet.op).toBe(2);
    expect(events.filter(({ event }) => event === "dhcp-failed")).toEqual([]);
  });

  test("has requests wait for one another where many come, on all its sockets", async () => {
    const gathers: number[] = [];
    const openSocket = async (_: Link, port: number): Promise<UdpSocket> => {
      const socket = await openDgram({ address, port: 0 });
      return { ...socket, gather: () => void gathers.push(port) };
    };
    await site.start({ links: [proxyLink], openSocket, ports: { server: 67, bootServer: 4011 } });
    expect(gathers).toEqual([67, 4011]);
  });

  test("that cannot have one of its sockets keeps none", async () => {
    const opened: UdpSocket[] = [];
    const starting = site.start({
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
    const { server, ports, leases } = await site.start();
    const other = await server.listen({ ...proxyLink, interface: "eth2" });
    expect(other.sockets.map((name) => name.split(" ").slice(0, 2))).toEqual([
      ["dhcp", "eth2"],
      ["boot-server", "eth2"],
    ]);
    const [full = 0, , proxy = 0, bootServer = 0] = ports;
    const { packet, from } = await site.exchange(proxy, message(firmware.uefi));
    expect([packet.yiaddr, from.port]).toEqual(["0.0.0.0", proxy]);
    const offered = (await site.exchange(full, message(firmware.operatingSystem))).packet;
    await site.exchange(full, selecting(firmware.operatingSystem, address, offered.yiaddr));
    await other.close();
    for (const port of [proxy, bootServer]) site.closeAtEnd(await openDgram({ address, port }));
    const again = (await site.exchange(full, message(firmware.operatingSystem))).packet;
    expect(again.yiaddr).toBe(offered.yiaddr);
    expect(leases.all()).toHaveLength(1);
  });

  test("a link that comes back with another network knows the machines that have leases there", async () => {
    const { server, ports, leases, events } = await site.start({ links: [] });
    const { full } = fullLink;
    const elsewhere = { network: "127.9.0.0", prefixLength: 16 };
    const pools = [{ first: "127.9.0.1", last: "127.9.0.9" }];
    const former = await server.listen({
      ...fullLink,
      subnet: elsewhere,
      full: { ...full, pools },
    });
    await site.exchange(ports[0] ?? 0, message(firmware.operatingSystem));
    await former.close();
    await server.listen(fullLink);
    const chaddr = macToBytes("52:54:00:00:00:01");
    const asks = { options: message(firmware.operatingSystem), changes: { chaddr } };
    const offered = (await site.exchange(ports[2] ?? 0, asks.options, asks.changes)).packet.yiaddr;
    const taken = selecting(firmware.operatingSystem, address, offered);
    await site.exchange(ports[2] ?? 0, taken, asks.changes);
    expect(leases.at(offered)?.state).toBe("bound");
    // More than an unknown machine may ask.
    for (let n = 0; n < 30; n++) {
      const { packet } = await site.exchange(ports[2] ?? 0, asks.options, asks.changes);
      expect(packet.yiaddr).toBe(offered);
    }
    expect(events.map(({ event }) => event)).not.toContain("dhcp-flood");
  });

  test("frees its ports when it is closed, after what was under way", async () => {
    let release = (): void => undefined;
    const disk = new Promise<void>((resolve) => (release = resolve));
    const slow: LeaseStore = {
      noteClock: () => Promise.resolve(),
      isWritable: () => Promise.resolve(true),
      append: () => disk,
      written: new LeaseTable(),
      close: () => Promise.resolve(),
    };
    const { server, ports, leases } = await site.start({ journal: slow });
    const [port = 0] = ports;
    const acknowledged = site.exchange(port, selecting(firmware.uefi, address, "127.0.7.9"));
    // An offer to another machine proves that the request before it was taken in.
    await site.exchange(port, message(firmware.uefi), { chaddr: macToBytes("52:54:00:00:00:01") });
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
