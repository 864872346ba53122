import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planBoot } from "../../src/boot/policy.ts";
import { OfferStyleTable } from "../../src/boot/offer-style.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../src/dhcp/link.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import {
  type DhcpServer,
  type DhcpServerOptions,
  startDhcpServer,
} from "../../src/dhcp/server/dhcp-server.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { serverUdp } from "./transfer-socket.ts";
import type { UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { fullLink as usualFullLink, type Options, packetWith, policy } from "./dhcp.ts";

export const address = "127.0.0.1";
export const subnet = { network: "127.0.0.0", prefixLength: 8 };
export const fullLink = {
  ...usualFullLink,
  interface: "lo",
  address,
  subnet,
  full: { ...usualFullLink.full, pools: [{ first: "127.0.7.1", last: "127.0.7.50" }] },
};
export const proxyLink: Link = { interface: "lo", address, subnet, mode: "proxy" };

/** A server on free ports of loopback, and what it reported. */
export interface Running {
  readonly server: DhcpServer;
  readonly events: PxeEvent[];
  readonly leases: LeaseTable;
  /** In the order of `server.sockets`. */
  readonly ports: readonly number[];
  /** Resolves with the next event of that name, also with one that was there already. */
  readonly event: (name: PxeEvent["event"]) => Promise<PxeEvent>;
}

/** What one test starts: servers and sockets on loopback, a clock that it moves, a folder. All end with `close`. */
export class DhcpServers {
  readonly folder = mkdtempSync(join(tmpdir(), "eim-pxe-dhcp-"));
  nowMs = 1_800_000_000_000;
  readonly #toClose: { close(): Promise<void> }[] = [];

  /** To be closed at the end, the latest first. */
  closeAtEnd(one: { close(): Promise<void> }): void {
    this.#toClose.push(one);
  }

  /** To be closed at the end, after everything else. */
  closeLast(one: { close(): Promise<void> }): void {
    this.#toClose.unshift(one);
  }

  async close(): Promise<void> {
    for (const one of this.#toClose.splice(0).toReversed()) await one.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async start(changes: Partial<DhcpServerOptions> = {}): Promise<Running> {
    const events: PxeEvent[] = [];
    const waiting: { name: string; resolve: (event: PxeEvent) => void }[] = [];
    const leases = changes.leases ?? new LeaseTable();
    const ports: number[] = [];
    const server = await startDhcpServer({
      links: [fullLink],
      openSocket: async (link) => {
        const socket = await serverUdp.open({ address: link.address, port: 0 });
        ports.push(socket.local.port);
        return onLoopbackOnly(socket);
      },
      vendorClasses: [],
      plan: (client, node, link) => planBoot(client, node, policy, `http://${link.address}:8080`),
      findNode: () => null,
      reservedFor: () => null,
      offerStyles: new OfferStyleTable(),
      smee: null,
      journal: null,
      usedBy: null,
      guard: null,
      emit: (event) => {
        events.push(event);
        for (const one of waiting.filter(({ name }) => name === event.event)) one.resolve(event);
      },
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
      ...changes,
      leases,
    });
    this.closeAtEnd(server);
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

  async openClient(): Promise<UdpSocket> {
    const socket = await openDgram({ address, port: 0 });
    this.closeAtEnd(socket);
    return socket;
  }

  async exchange(port: number, options: Options, changes: Partial<DhcpPacket> = {}) {
    const socket = await this.openClient();
    const answered = answer(socket);
    socket.send(encodePacket(packetWith(options, changes)), { address, port });
    return answered;
  }
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

export function answer(socket: UdpSocket): Promise<{ packet: DhcpPacket; from: UdpEndpoint }> {
  return new Promise((resolve) => {
    socket.onMessage((payload, from) => resolve({ packet: decodePacket(payload), from }));
  });
}
