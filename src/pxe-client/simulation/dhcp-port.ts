import { type DhcpPacket, encodePacket } from "../../dhcp/wire/packet.ts";
import { MessageType } from "../../dhcp/wire/message-type.ts";
import { OptionCode } from "../../dhcp/wire/option-codes.ts";
import { readU32 } from "../../lib/bytes.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { LoadLoop } from "../../net/load-loop.ts";
import type { UdpEndpoint } from "../../net/udp.ts";
import { replyTo } from "../wire/dhcp-wire.ts";
import { isOffer, type Offer, readOffer } from "../wire/offers.ts";

/** PXE 2.1, 3.1: seconds to wait for answers, four times. */
const waitsMs = [4000, 8000, 16_000, 32_000];
const SERVER_PORT = 67;
/** A whole burst of answers; one has at most some 1500 bytes. */
const datagramBytes = 4096;
const readsAtOnce = 64;

/** Whoever waits for answers to a request. */
interface Waiting {
  hear(packet: DhcpPacket, from: Ip4): void;
}

/** Where a machine counts what happens to its requests. */
export interface DhcpCounters {
  answered(ms: number): void;
  repeated(): void;
}

/** Port 68 of the device, for all machines of a process: an answer belongs to the request with its `xid`. */
export class DhcpPort {
  readonly #loop: LoadLoop;
  readonly #descriptor: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #buffer = new Uint8Array(datagramBytes);

  constructor(loop: LoadLoop, descriptor: number) {
    this.#loop = loop;
    this.#descriptor = descriptor;
    loop.watch(descriptor, { readable: () => this.#receive(), writable: () => {} }, false);
  }

  /**
   * Sends a DHCPDISCOVER and collects the offers that come, until `decided` says that they are enough; asks
   * again as PXE does. After the last wait: what has come.
   */
  discover(
    request: DhcpPacket,
    to: Ip4,
    target: Ip4,
    decided: (offers: readonly Offer[]) => boolean,
    counters: DhcpCounters,
  ): Promise<readonly Offer[]> {
    const offers: Offer[] = [];
    return this.#exchange(request, to, counters, (packet, from, sentMs) => {
      if (!isOffer(packet)) return null;
      const offer = readOffer(packet, from);
      const isKnown = offers.some(
        (one) => one.server === offer.server && (one.address === null) === (offer.address === null),
      );
      if (isKnown) return null;
      offers.push(offer);
      if (offer.server === target) counters.answered(performance.now() - sentMs);
      return decided(offers) ? offers : null;
    }).then((result) => result ?? offers);
  }

  /** Sends a DHCPREQUEST for an offer; the DHCPACK or DHCPNAK, or null when the server stays silent. */
  request(
    request: DhcpPacket,
    to: Ip4,
    target: Ip4,
    counters: DhcpCounters,
  ): Promise<DhcpPacket | null> {
    return this.#exchange(request, to, counters, (packet, from, sentMs) => {
      const type = packet.options.get(OptionCode.MESSAGE_TYPE)?.[0];
      if (type !== MessageType.ACK && type !== MessageType.NAK) return null;
      if (readOffer(packet, from).server === target) counters.answered(performance.now() - sentMs);
      return packet;
    });
  }

  /** Sends what nobody answers, such as a DHCPRELEASE. */
  send(packet: DhcpPacket, to: Ip4): void {
    const endpoint: UdpEndpoint = { address: to, port: SERVER_PORT };
    this.#loop.sockets.sendTo(this.#descriptor, encodePacket(packet), endpoint);
  }

  #exchange<T>(
    request: DhcpPacket,
    to: Ip4,
    counters: DhcpCounters,
    hear: (packet: DhcpPacket, from: Ip4, sentMs: number) => T | null,
  ): Promise<T | null> {
    return new Promise((resolve) => {
      const { xid } = request;
      const startMs = performance.now();
      let sentMs = startMs;
      const end = (result: T | null): void => {
        this.#loop.clearDeadline(waiting);
        this.#waiting.delete(xid);
        resolve(result);
      };
      const waiting: Waiting = {
        hear: (packet, from) => {
          const result = hear(packet, from, sentMs);
          if (result !== null) end(result);
        },
      };
      const attempt = (count: number): void => {
        const waitMs = waitsMs[count];
        if (waitMs === undefined) return end(null);
        if (count > 0) counters.repeated();
        sentMs = performance.now();
        const secs = Math.floor((sentMs - startMs) / 1000);
        this.send({ ...request, secs }, to);
        this.#loop.setDeadline(waiting, sentMs + waitMs, () => attempt(count + 1));
      };
      this.#waiting.set(xid, waiting);
      attempt(0);
    });
  }

  #receive(): void {
    for (let reads = 0; reads < readsAtOnce; reads += 1) {
      const { length, from } = this.#loop.sockets.receiveFrom(this.#descriptor, this.#buffer);
      if (typeof length === "string") return;
      // Every process hears every broadcast: the others' are not decoded.
      if (length < 8) continue;
      const xid = readU32(this.#buffer, 4);
      const waiting = this.#waiting.get(xid);
      if (waiting === undefined) continue;
      const packet = replyTo(xid, this.#buffer.slice(0, length));
      if (packet !== null) waiting.hear(packet, from.address);
    }
  }
}
