import type { WayTable } from "../boot/ways.ts";
import type { Clock } from "../lib/clock.ts";
import { DecodeError, messageOf } from "../lib/errors.ts";
import type { Mac } from "../lib/mac.ts";
import { formatEndpoint, type UdpEndpoint, type UdpSocket } from "../net/udp.ts";
import type { Emit } from "../observe/events.ts";
import { decide, type Knowledge, type Role } from "./decide.ts";
import type { Journal } from "./journal.ts";
import type { LeaseTable } from "./leases.ts";
import { OfferTable } from "./offers.ts";
import type { Link } from "./link.ts";
import { senderOf } from "./admission.ts";
import { Gate } from "./gate.ts";
import { type IsInUse, Performer } from "./performer.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import { type DhcpRequest, readRequest } from "./request.ts";

export interface DhcpServerOptions extends Omit<Knowledge, "leases" | "offers" | "ways"> {
  readonly links: readonly Link[];
  /** A socket that hears the broadcasts and unicasts of a link on a port. Throws `BindError`. */
  readonly openSocket: (link: Link, port: number) => Promise<UdpSocket>;
  readonly leases: LeaseTable;
  readonly ways: WayTable;
  /** Where leases are kept; null keeps them in memory only. The caller closes it after the server. */
  readonly journal: Journal | null;
  /** Whether somebody sits at an address that is about to be offered; null: nobody looks. */
  readonly isInUse: IsInUse | null;
  /** Machines that this program plays itself; they are not answered. */
  readonly ownMachines: ReadonlySet<Mac>;
  /** Called with each link's server socket, bound, before anybody is answered; when it rejects nobody is. */
  readonly beforeServing: (ports: readonly ServerPort[]) => Promise<void>;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Default: 67, and 4011 for the boot server. */
  readonly ports?: { readonly server: number; readonly bootServer: number };
}

export interface ServerPort {
  readonly link: Link;
  readonly port: UdpSocket;
}

export interface DhcpServer {
  /** Each socket for people: `dhcp eth1 192.168.77.1:67`. */
  readonly sockets: readonly string[];
  /** Stops listening, and waits for what is under way. */
  close(): Promise<void>;
}

/** More requests than this do not wait for the disk at the same time; the clients ask again. */
const MAX_UNDER_WAY = 2048;

/**
 * Answers DHCP on all links, mode proxy and mode full, each with its boot server. Resolves when all
 * sockets are bound. Whatever arrives, it goes on.
 *
 * @throws {BindError} when one of the sockets cannot be had, or whatever `beforeServing` rejects with; then
 *   none is kept.
 */
export async function startDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const { server, bootServer } = options.ports ?? { server: 67, bootServer: 4011 };
  const wanted = options.links.flatMap((link): readonly Listener[] => {
    const main: Listener = { link, role: "server", port: server };
    if (options.smee !== null) return [main];
    return [main, { link, role: "boot-server", port: bootServer }];
  });
  const sockets: UdpSocket[] = [];
  try {
    for (const { link, port } of wanted) sockets.push(await options.openSocket(link, port));
    const serving = wanted.flatMap(({ link, role }, i): ServerPort[] => {
      const port = sockets[i];
      return port === undefined || role !== "server" ? [] : [{ link, port }];
    });
    await options.beforeServing(serving);
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close()));
    throw error;
  }
  const running = new RunningServer(options);
  const names = wanted.map((listener, i) => {
    const socket = sockets[i];
    if (socket === undefined) return "";
    running.listen(listener, socket);
    const name = listener.role === "server" ? "dhcp" : "boot-server";
    return `${name} ${listener.link.interface} ${formatEndpoint(socket.local)}`;
  });
  return { sockets: names, close: () => running.close() };
}

interface Listener {
  readonly link: Link;
  readonly role: Role;
  readonly port: number;
}

class RunningServer {
  readonly #options: DhcpServerOptions;
  readonly #knowledge: Knowledge;
  readonly #performer: Performer;
  readonly #gates = new Map<string, Gate>();
  readonly #sockets: UdpSocket[] = [];
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    const offers = new OfferTable();
    const { plan, findNode, reservedFor, leases, ways, smee } = options;
    this.#knowledge = { plan, findNode, reservedFor, leases, ways, smee, offers };
    this.#performer = new Performer({ ...options, offers });
  }

  listen({ link, role }: Listener, socket: UdpSocket): void {
    this.#sockets.push(socket);
    socket.onMessage((payload, from) => this.#receive(link, role, socket, payload, from));
    socket.onError((error) => {
      const fields = { mac: null, address: null, interface: link.interface };
      this.#options.emit({ event: "dhcp-send-failed", ...fields, reason: messageOf(error) });
    });
  }

  #isOurs(mac: Mac): boolean {
    return this.#options.ownMachines.has(mac);
  }

  #gateOf(link: Link): Gate {
    const { emit, clock } = this.#options;
    const gate = this.#gates.get(link.interface) ?? new Gate(link, this.#knowledge, emit, clock);
    this.#gates.set(link.interface, gate);
    return gate;
  }

  async close(): Promise<void> {
    // What is under way still has its socket: a lease that is on disk by now is acknowledged.
    await Promise.allSettled(this.#underWay);
    await Promise.all(this.#sockets.map((socket) => socket.close()));
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
    const gate = link.mode === "full" && this.#options.smee === null ? this.#gateOf(link) : null;
    const sender = senderOf(payload);
    // What is no DHCP at all is left to the decoder.
    if (sender !== null && (this.#isOurs(sender.mac) || gate?.refuses(sender) === true)) return;
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
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      const fields = { mac, address: null, interface: link.interface };
      emit({ event: "dhcp-ignored", ...fields, reason: "too many requests wait for the disk" });
      return;
    }
    const work = this.#performer
      .perform({
        link,
        mac,
        decide: () => {
          const effects = decide(request, link, role, this.#knowledge, clock.wall());
          gate?.learn(request, effects);
          return effects;
        },
        send: (packet, to) => socket.send(encodePacket(packet), to),
      })
      .finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
  }
}
