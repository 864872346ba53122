import type { WayTable } from "../boot/ways.ts";
import type { Clock } from "../lib/clock.ts";
import { DecodeError, messageOf } from "../lib/errors.ts";
import type { Mac } from "../lib/mac.ts";
import { putRecent } from "../lib/recent.ts";
import { formatEndpoint, type UdpEndpoint, type UdpSocket } from "../net/udp.ts";
import type { Emit, PxeEvent } from "../observe/events.ts";
import { decide, type Knowledge, type Role } from "./decide.ts";
import type { Effect } from "./effects.ts";
import type { Journal } from "./journal.ts";
import type { LeaseTable } from "./leases.ts";
import type { Link } from "./link.ts";
import { OverheardOffers } from "./overheard.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "./packet.ts";
import { type DhcpRequest, readRequest } from "./request.ts";
import { unbeatableInWords } from "./unbeatable.ts";

export interface DhcpServerOptions extends Omit<Knowledge, "leases" | "ways"> {
  readonly links: readonly Link[];
  /** A socket that hears the broadcasts and unicasts of a link on a port. Throws `BindError`. */
  readonly openSocket: (link: Link, port: number) => Promise<UdpSocket>;
  /**
   * A socket that hears the broadcasts to the client port of a link, where other servers' offers arrive;
   * default: they are not overheard. Its failure is reported, and the link is served all the same.
   */
  readonly openListener?: ((link: Link) => Promise<UdpSocket>) | null;
  readonly leases: LeaseTable;
  readonly ways: WayTable;
  /** Where leases are kept; null keeps them in memory only. The caller closes it after the server. */
  readonly journal: Journal | null;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Default: 67, and 4011 for the boot server. */
  readonly ports?: { readonly server: number; readonly bootServer: number };
}

/** What is open for one link. */
export interface LinkSockets {
  /** Each socket for people: `dhcp eth1 192.168.77.1:67`. */
  readonly sockets: readonly string[];
  /** Stops listening on this link, after what is under way. Its leases stay. */
  close(): Promise<void>;
}

export interface DhcpServer {
  /** Of the links that it was started with; see `LinkSockets`. */
  readonly sockets: readonly string[];
  /** Answers on one more link. Throws `BindError`, and then nothing is left open. */
  listen(link: Link): Promise<LinkSockets>;
  /** Stops listening, and waits for what is under way. */
  close(): Promise<void>;
}

/** More requests than this do not wait for the disk at the same time; the clients ask again. */
const MAX_UNDER_WAY = 2048;
const UNBEATABLE_EVERY_MS = 60_000;
/** A full pool is worth a line a minute for each link, not one for each packet. */
const POOL_FULL_EVERY_MS = 60_000;

/**
 * Answers DHCP on all links, mode proxy and mode full, each with its boot server. Resolves when all
 * sockets are bound. Whatever arrives, it goes on.
 *
 * @throws {BindError} when one of the sockets cannot be had; then none is kept.
 */
export async function startDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const server = new RunningServer(options);
  const sockets: string[] = [];
  try {
    for (const link of options.links) sockets.push(...(await server.listen(link)).sockets);
  } catch (error) {
    await server.close();
    throw error;
  }
  return { sockets, listen: (link) => server.listen(link), close: () => server.close() };
}

interface Listener {
  readonly link: Link;
  readonly role: Role;
  readonly port: number;
}

class RunningServer {
  readonly #options: DhcpServerOptions;
  readonly #knowledge: Knowledge;
  readonly #sockets = new Set<UdpSocket>();
  readonly #underWay = new Set<Promise<void>>();
  /** What other servers offer, on the links where that is heard. */
  readonly #overheard = new Map<Link, OverheardOffers>();
  /** By interface: when its pool was last reported full. */
  readonly #poolFullAt = new Map<string, number>();

  /** By machine: when it was last reported to have an unbeatable server. */
  readonly #unbeatableAt = new Map<Mac, number>();

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    this.#knowledge = {
      ...options,
      addressOfferedAtMs: (request, link) =>
        this.#overheard.get(link)?.addressOfferedAtMs(request) ?? null,
    };
  }

  async listen(link: Link): Promise<LinkSockets> {
    const wanted = this.#listenersOf(link);
    const opened: UdpSocket[] = [];
    const close = async (): Promise<void> => {
      await Promise.allSettled(this.#underWay);
      await Promise.all(opened.map((socket) => socket.close()));
      for (const socket of opened) this.#sockets.delete(socket);
      this.#overheard.delete(link);
    };
    try {
      for (const { port } of wanted) opened.push(await this.#options.openSocket(link, port));
    } catch (error) {
      await close();
      throw error;
    }
    const sockets = wanted.map((listener, i) => {
      const socket = opened[i];
      if (socket === undefined) return "";
      this.#hear(listener, socket);
      const name = listener.role === "server" ? "dhcp" : "boot-server";
      return `${name} ${link.interface} ${formatEndpoint(socket.local)}`;
    });
    const listener = await this.#overhear(link);
    if (listener !== null) opened.push(listener);
    return { sockets, close };
  }

  /** Listens to what other servers offer on a link in mode proxy; null where that cannot be heard. */
  async #overhear(link: Link): Promise<UdpSocket | null> {
    const { openListener = null, emit, clock } = this.#options;
    if (openListener === null || link.mode !== "proxy") return null;
    const offers = new OverheardOffers();
    try {
      const socket = await openListener(link);
      socket.onMessage((payload) => {
        const packet = decodedOrNull(payload);
        if (packet !== null) offers.heard(packet, clock.wall());
      });
      socket.onError(() => {});
      this.#sockets.add(socket);
      this.#overheard.set(link, offers);
      return socket;
    } catch (error) {
      emit({ event: "offers-unheard", interface: link.interface, reason: messageOf(error) });
      return null;
    }
  }

  #listenersOf(link: Link): readonly Listener[] {
    const { server, bootServer } = this.#options.ports ?? { server: 67, bootServer: 4011 };
    const main: Listener = { link, role: "server", port: server };
    if (this.#options.smee !== null) return [main];
    return [main, { link, role: "boot-server", port: bootServer }];
  }

  #hear({ link, role }: Listener, socket: UdpSocket): void {
    this.#sockets.add(socket);
    socket.onMessage((payload, from) => this.#receive(link, role, socket, payload, from));
    socket.onError((error) => {
      const fields = { mac: null, address: null, interface: link.interface };
      this.#options.emit({ event: "dhcp-send-failed", ...fields, reason: messageOf(error) });
    });
  }

  async close(): Promise<void> {
    // What is under way still has its socket: a lease that is on disk by now is acknowledged.
    await Promise.allSettled(this.#underWay);
    await Promise.all([...this.#sockets].map((socket) => socket.close()));
    await Promise.allSettled(this.#underWay);
  }

  #receive(
    link: Link,
    role: Role,
    socket: UdpSocket,
    payload: Uint8Array,
    from: UdpEndpoint,
  ): void {
    const { emit, clock } = this.#options;
    let request: DhcpRequest;
    try {
      request = readRequest(decodePacket(payload), from);
    } catch (error) {
      const reason =
        error instanceof DecodeError ? error.message : `our fault: ${messageOf(error)}`;
      emit({ event: "dhcp-malformed", interface: link.interface, from: from.address, reason });
      return;
    }
    const mac = request.mac === "" ? null : request.mac;
    this.#noticeUnbeatable(request, link);
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      const fields = { mac, address: null, interface: link.interface };
      emit({ event: "dhcp-ignored", ...fields, reason: "too many requests wait for the disk" });
      return;
    }
    const work = this.#perform(
      () => decide(request, link, role, this.#knowledge, clock.wall()),
      link,
      socket,
      mac,
    ).finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
  }

  /** A machine that tries again and again is worth a line a minute. */
  #noticeUnbeatable(request: DhcpRequest, link: Link): void {
    const { emit, clock } = this.#options;
    const { mac } = request;
    const server = this.#overheard.get(link)?.unbeatable(request) ?? null;
    const now = clock.now();
    const last = this.#unbeatableAt.get(mac) ?? -Infinity;
    if (server === null || now - last < UNBEATABLE_EVERY_MS) return;
    putRecent(this.#unbeatableAt, mac, now, MAX_UNDER_WAY);
    const { cause, remedy } = unbeatableInWords(server);
    const fields = { mac, address: null, interface: link.interface, server };
    emit({ event: "unbeatable-server", ...fields, reason: `${cause}: ${remedy}` });
  }

  /**
   * Performs the effects in their order. Up to the first write to the journal all happens at once, so
   * the next request finds the leases as this one left them.
   */
  async #perform(
    effectsOf: () => readonly Effect[],
    link: Link,
    socket: UdpSocket,
    mac: Mac | null,
  ): Promise<void> {
    try {
      for (const effect of effectsOf()) {
        switch (effect.kind) {
          case "record":
            this.#options.leases.put(effect.lease, this.#options.clock.wall());
            // RFC 2131 3.1: the lease is in permanent storage before its DHCPACK leaves.
            if (effect.lease.state !== "offered") await this.#options.journal?.append(effect.lease);
            break;
          case "remember":
            this.#options.ways.put(effect.machine);
            break;
          case "send":
            socket.send(encodePacket(effect.packet), effect.to);
            break;
          case "event":
            this.#report(effect.event, link);
            break;
          case "ignore": {
            const fields = { mac, address: null, interface: link.interface };
            this.#options.emit({ event: "dhcp-ignored", ...fields, reason: effect.reason });
          }
        }
      }
    } catch (error) {
      const fields = { mac, address: null, interface: link.interface };
      this.#options.emit({ event: "dhcp-failed", ...fields, reason: messageOf(error) });
    }
  }

  #report(event: PxeEvent, link: Link): void {
    if (event.event === "pool-full") {
      const now = this.#options.clock.now();
      const last = this.#poolFullAt.get(link.interface);
      if (last !== undefined && now - last < POOL_FULL_EVERY_MS) return;
      this.#poolFullAt.set(link.interface, now);
    }
    this.#options.emit(event);
  }
}

/** What others send each other is not ours to complain about; no offer is larger than a frame. */
function decodedOrNull(payload: Uint8Array): DhcpPacket | null {
  if (payload.length > 1500) return null;
  try {
    return decodePacket(payload);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}
