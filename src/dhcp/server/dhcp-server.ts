import { damagedRequest, tooBusy } from "../../boot/refusals.ts";
import type { OfferStyleTable } from "../../boot/offer-style.ts";
import type { Clock } from "../../lib/clock.ts";
import { DecodeError, decodedOrNull, messageOf } from "../../lib/errors.ts";
import { type Mac, macFromBytes } from "../../lib/mac.ts";
import { formatEndpoint, type UdpSocket } from "../../net/udp.ts";
import type { Emit } from "../../events/types.ts";
import { senderOf } from "./rate-limits.ts";
import { refusal, unserved } from "../handlers/boot-events.ts";
import { decide, type Knowledge, type Role } from "../handlers/decide.ts";
import { FloodGuard } from "./flood-guard.ts";
import { rememberedNetworkOptions } from "../handlers/network-options.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import type { Link } from "../link.ts";
import { OfferTable } from "../leases/offer-table.ts";
import { OverheardOffers } from "./overheard-offers.ts";
import { decodeKeptPacket, decodePacket, type DhcpPacket, encodePacket } from "../wire/packet.ts";
import type { UsedBy } from "./conflict-checks.ts";
import { EffectRunner } from "./effect-runner.ts";
import type { RequestInHand } from "./progress.ts";
import { MessageType } from "../wire/message-type.ts";
import { saysBootClient } from "../message/boot-client.ts";
import { type DhcpRequest, readRequest, type Source } from "../message/request.ts";
import { unbeatableServer } from "../../boot/causes.ts";
import { filledIn, inOneSentence } from "../../lib/finding.ts";

export interface DhcpServerOptions extends Omit<
  Knowledge,
  "leases" | "networkOptions" | "offers" | "offerStyles"
> {
  readonly links: readonly Link[];
  /** A socket that hears the broadcasts and unicasts of a link on a port. Throws `BindError`. */
  readonly openSocket: (link: Link, port: number) => Promise<UdpSocket>;
  /**
   * A socket that hears the broadcasts to the client port of a link, where other servers' offers arrive;
   * default: they are not overheard. Its failure is reported, and the link is served all the same.
   */
  readonly openListener?: ((link: Link) => Promise<UdpSocket>) | null;
  /** Beginnings of option 60 that are taken for a PXE client's besides `PXEClient`. */
  readonly vendorClasses: readonly string[];
  readonly leases: LeaseTable;
  readonly offerStyles: OfferStyleTable;
  /** Where leases are kept; null keeps them in memory only. The caller closes it after the server. */
  readonly journal: LeaseStore | null;
  /** Checks who uses an address; null: addresses are not checked. */
  readonly usedBy: UsedBy | null;
  /** Has a say in which links are served; null: all are. */
  readonly guard: LinkGuard | null;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Default: 67, and 4011 for the boot server. */
  readonly ports?: { readonly server: number; readonly bootServer: number };
}

/** Looks at a link before it is served. */
export interface LinkGuard {
  /** Called with the link's server socket, bound, before any machine is answered there; when it rejects none is. */
  admit(link: Link, port: UdpSocket): Promise<void>;
  /** The link is no longer served, or was not admitted. */
  leave(link: Link): void;
  /** Whether the guard itself plays this machine, which is not answered then. */
  plays(mac: Mac): boolean;
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
  /** Answers on one more link. Throws `BindError` or what the guard rejects with; nothing is left open then. */
  listen(link: Link): Promise<LinkSockets>;
  /** Stops listening, and waits for what is under way. */
  close(): Promise<void>;
}

/** More requests than this do not wait for the disk at the same time; the clients ask again. */
const MAX_UNDER_WAY = 2048;

/**
 * Answers DHCP on all links, mode proxy and mode full, each with its boot server. Resolves when all
 * sockets are bound. Whatever arrives, it goes on.
 *
 * @throws {BindError} when one of the sockets cannot be had, or whatever the guard rejects with; then none
 *   is kept.
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

const none = (): number => 0;

class RunningServer {
  readonly #options: DhcpServerOptions;
  readonly #knowledge: Knowledge;
  readonly #sockets = new Set<UdpSocket>();
  readonly #underWay = new Set<Promise<void>>();
  /** What other servers offer, on the links where that is heard. */
  readonly #overheard = new Map<Link, OverheardOffers>();
  readonly #runner: EffectRunner;
  readonly #floodGuards = new WeakMap<Link, FloodGuard>();

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    const offers = new OfferTable();
    const { plan, findNode, reservedFor, entriesWithoutAddress, leases } = options;
    const { offerStyles, smee, traceOf } = options;
    const addressOfferedAtMs = (request: DhcpRequest, link: Link) =>
      this.#overheard.get(link)?.addressOfferedAtMs(request) ?? null;
    const nodes = { findNode, reservedFor, entriesWithoutAddress: entriesWithoutAddress ?? none };
    const known = { plan, ...nodes, leases, offerStyles, smee, ...(traceOf && { traceOf }) };
    const remembered = { networkOptions: rememberedNetworkOptions() };
    this.#knowledge = { ...known, ...remembered, offers, addressOfferedAtMs };
    this.#runner = new EffectRunner({ ...options, offers });
  }

  async listen(link: Link): Promise<LinkSockets> {
    const wanted = this.#listenersOf(link);
    const networks = link.mode === "full" ? [link, ...link.relayed] : [];
    for (const { subnet } of networks) this.#options.leases.adoptNetwork(subnet);
    const opened: UdpSocket[] = [];
    const close = async (): Promise<void> => {
      await Promise.allSettled(this.#underWay);
      await Promise.all(opened.map((socket) => socket.close()));
      for (const socket of opened) this.#sockets.delete(socket);
      this.#overheard.delete(link);
      this.#options.guard?.leave(link);
    };
    try {
      for (const { port } of wanted) opened.push(await this.#options.openSocket(link, port));
      const [main] = opened;
      if (main !== undefined) await this.#options.guard?.admit(link, main);
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
        // What others send each other is not ours to complain about; no offer is larger than a frame.
        if (payload.length > 1500) return;
        const packet = decodedOrNull(() => decodePacket(payload));
        if (packet === null) return;
        offers.heard(packet, clock.wall());
        this.#reportCompeting(packet, offers, link);
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
    socket.gather?.();
    socket.onMessage((payload, { address, port }, arrival) =>
      this.#receive(link, role, socket, payload, {
        address,
        port,
        isBroadcast: arrival === "broadcast",
      }),
    );
    socket.onError((error) => {
      const fields = { mac: null, address: null, interface: link.interface };
      this.#options.emit({ event: "dhcp-send-failed", ...fields, reason: messageOf(error) });
    });
  }

  #floodGuardOf(link: Link): FloodGuard {
    const { emit, clock } = this.#options;
    const floodGuard =
      this.#floodGuards.get(link) ?? new FloodGuard(link, this.#knowledge, emit, clock);
    this.#floodGuards.set(link, floodGuard);
    return floodGuard;
  }

  async close(): Promise<void> {
    // What is under way still has its socket: a lease that is on disk by now is acknowledged.
    await Promise.allSettled(this.#underWay);
    await Promise.all([...this.#sockets].map((socket) => socket.close()));
    await Promise.allSettled(this.#underWay);
  }

  #receive(link: Link, role: Role, socket: UdpSocket, payload: Uint8Array, from: Source): void {
    const { emit, clock, guard, smee, vendorClasses } = this.#options;
    const floodGuard = this.#floodGuardOf(link);
    const sender = senderOf(payload);
    // What is no DHCP at all is left to the decoder.
    if (sender !== null && (guard?.plays(sender.mac) || floodGuard.refuses(sender, payload)))
      return;
    let request: DhcpRequest;
    try {
      if (smee === null && (payload[2] ?? 0) > 16) {
        throw new DecodeError("dhcp", 2, "a hardware address of more than 16 bytes");
      }
      // Sockets hand out memory of the datagram's own. Not as a Buffer, whose parts would be such, too.
      const bytes = new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
      const packet = decodeKeptPacket(bytes, smee === null ? "liberal" : "strict");
      request = readRequest(packet, from, vendorClasses);
    } catch (error) {
      const reason =
        error instanceof DecodeError ? error.message : `our fault: ${messageOf(error)}`;
      emit({ event: "dhcp-malformed", interface: link.interface, from: from.address, reason });
      const mac = sender?.mac ?? null;
      if (saysBootClient(payload, vendorClasses)) {
        emit(refusal(mac, link, damagedRequest, { fault: reason }));
      }
      return;
    }
    if (floodGuard.refusesRead(request)) return;
    const mac = request.mac === "" ? null : request.mac;
    this.#overheard.get(link)?.asked(request);
    this.#noticeUnbeatable(request, link);
    const isOverloaded = this.#underWay.size >= MAX_UNDER_WAY;
    const order = smee === null ? "type-first" : "by-code";
    const inHand: RequestInHand = {
      link,
      mac,
      startsOver: request.messageType === MessageType.DISCOVER,
      send: (packet, to) => socket.send(encodePacket(packet, order), to),
    };
    const answering = this.#runner.answer(inHand, () => {
      if (isOverloaded) return unserved(request, link, tooBusy);
      const effects = decide(request, link, role, this.#knowledge, clock.wall());
      floodGuard.note(request, effects);
      return effects;
    });
    if (answering === null) return;
    const work = answering.finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
  }

  #reportCompeting(packet: DhcpPacket, offers: OverheardOffers, link: Link): void {
    const offer = offers.competing(packet, link);
    if (offer === null) return;
    const { address: offered, ...rest } = offer;
    const machine = { mac: macFromBytes(packet.chaddr), address: null };
    const { interface: name } = link;
    this.#options.emit({ event: "competing-offer", ...machine, interface: name, offered, ...rest });
  }

  #noticeUnbeatable(request: DhcpRequest, link: Link): void {
    const { emit } = this.#options;
    const { mac } = request;
    const server = this.#overheard.get(link)?.unbeatable(request) ?? null;
    if (server === null) return;
    const fields = { mac, address: null, interface: link.interface, server };
    const reason = inOneSentence(filledIn(unbeatableServer, { server, proxies: "eim-pxe" }));
    emit({ event: "unbeatable-server", ...fields, reason });
  }
}
