import { openDgram } from "../../src/net/dgram.ts";
import {
  formatEndpoint,
  sameEndpoint,
  type UdpEndpoint,
  type UdpSocket,
} from "../../src/net/udp.ts";
import { type Random, randomNumbers } from "./random.ts";

/** What a link does to datagrams, in both directions alike. */
export interface LinkFaults {
  /** Which are hit: the same seed, the same row of fates. */
  readonly seed: number;
  readonly lossPercent?: number;
  /** Arrive twice. */
  readonly copyPercent?: number;
  /** Are overtaken by those of the next few milliseconds. */
  readonly latePercent?: number;
  /** Every datagram takes this long. */
  readonly delayMs?: number;
  /** One is sent after the other at this rate, and of those that wait, no more than `queue` are kept. */
  readonly narrow?: { readonly mbit: number; readonly queue: number };
}

const MOST_LATE_MS = 5;
const PARTS = 10_000;
/** IPv4, UDP and Ethernet around what is passed on. */
const HEADER_BYTES = 42;

/**
 * A bad link on loopback between clients and one server, with real sockets: clients talk to `endpoint`,
 * and for every port that the server answers from there is one of the link's, so that transfer IDs stay
 * what they are. Nobody is told of closed ports across it.
 */
export class LossyLink {
  readonly #server: UdpEndpoint;
  readonly #faults: LinkFaults;
  readonly #random: Random;
  readonly #sockets: UdpSocket[] = [];
  readonly #entrance: UdpSocket;
  /** Towards the server, by the client's address and port. */
  readonly #flows = new Map<string, Promise<UdpSocket>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** When those that were taken leave, by where they go. */
  readonly #departures = new Map<string, number[]>();
  #closed = false;
  passed = 0;
  lost = 0;

  private constructor(entrance: UdpSocket, server: UdpEndpoint, faults: LinkFaults) {
    this.#entrance = entrance;
    this.#server = server;
    this.#faults = faults;
    this.#random = randomNumbers(faults.seed);
    this.#sockets.push(entrance);
    entrance.onMessage((payload, client) => void this.#request(payload, client));
  }

  static async open(server: UdpEndpoint, faults: LinkFaults): Promise<LossyLink> {
    const entrance = await openDgram({ address: "127.0.0.1", port: 0 });
    return new LossyLink(entrance, server, faults);
  }

  get endpoint(): UdpEndpoint {
    return this.#entrance.local;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#flows.values());
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }

  async #request(payload: Uint8Array, client: UdpEndpoint): Promise<void> {
    const key = formatEndpoint(client);
    const flow = this.#flows.get(key) ?? this.#openFlow(client);
    this.#flows.set(key, flow);
    this.#pass(payload, await flow, this.#server);
  }

  async #openFlow(client: UdpEndpoint): Promise<UdpSocket> {
    const upstream = await this.#openSocket();
    // One for each of the server's ports; a promise, since more may come while it is opened.
    const exits = new Map<number, Promise<UdpSocket>>();
    upstream.onMessage((payload, from) => {
      if (sameEndpoint(from, this.#server)) return this.#pass(payload, this.#entrance, client);
      const exit = exits.get(from.port) ?? this.#openExit(upstream, from);
      exits.set(from.port, exit);
      void exit.then((socket) => this.#pass(payload, socket, client));
    });
    return upstream;
  }

  async #openExit(upstream: UdpSocket, server: UdpEndpoint): Promise<UdpSocket> {
    const exit = await this.#openSocket();
    exit.onMessage((payload) => this.#pass(payload, upstream, server));
    return exit;
  }

  async #openSocket(): Promise<UdpSocket> {
    const socket = await openDgram({ address: "127.0.0.1", port: 0 });
    this.#sockets.push(socket);
    return socket;
  }

  /** Sends it on with what the link does to it. */
  #pass(payload: Uint8Array, by: UdpSocket, to: UdpEndpoint): void {
    const { lossPercent = 0, copyPercent = 0, latePercent = 0, delayMs = 0 } = this.#faults;
    const queuedMs = this.#queue(payload, to);
    if (queuedMs === null || this.#hit(lossPercent)) {
      this.lost += 1;
      return;
    }
    this.passed += 1;
    const lateMs = this.#hit(latePercent) ? 1 + this.#random(MOST_LATE_MS) : 0;
    this.#sendAfter(queuedMs + delayMs + lateMs, payload, by, to);
    if (this.#hit(copyPercent)) this.#sendAfter(queuedMs + delayMs, payload, by, to);
  }

  /** How long it takes for all in front of it and itself; null: the queue is full. */
  #queue(payload: Uint8Array, to: UdpEndpoint): number | null {
    const { narrow } = this.#faults;
    if (narrow === undefined) return 0;
    const now = performance.now();
    const key = formatEndpoint(to);
    const waiting = (this.#departures.get(key) ?? []).filter((atMs) => atMs > now);
    this.#departures.set(key, waiting);
    if (waiting.length > narrow.queue) return null;
    const takesMs = ((payload.length + HEADER_BYTES) * 8) / (narrow.mbit * 1000);
    const leavesAt = Math.max(waiting.at(-1) ?? 0, now) + takesMs;
    waiting.push(leavesAt);
    return leavesAt - now;
  }

  #hit(percent: number): boolean {
    return this.#random(PARTS) < (percent * PARTS) / 100;
  }

  #sendAfter(delayMs: number, payload: Uint8Array, by: UdpSocket, to: UdpEndpoint): void {
    if (this.#closed) return;
    if (delayMs === 0) return by.send(payload, to);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      by.send(payload, to);
    }, delayMs);
    this.#timers.add(timer);
  }
}
