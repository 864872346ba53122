import { OptionCode } from "../dhcp/wire/option-codes.ts";
import { type DhcpPacket } from "../dhcp/wire/packet.ts";
import { MessageType } from "../dhcp/wire/message-type.ts";
import { ANY_ADDRESS, type Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { UdpSocket } from "../net/udp.ts";
import { systemRequest } from "./wire/dhcp-requests.ts";
import { broadcast, newXid, replyTo } from "./wire/dhcp-wire.ts";
import { readOffer } from "./wire/offers.ts";

/** Another DHCP server on the link. */
export interface OtherServer {
  readonly server: Ip4;
  /** What it offered to an unknown client; null: nothing in time, but it answers. */
  readonly offered: Ip4 | null;
}

export interface RogueServerSearchOptions {
  /** Our address on the link. */
  readonly address: Ip4;
  /** The synthetic identity that it asks as: an unknown client. It takes no lease. */
  readonly mac: Mac;
  /** The socket of the DHCP server's port, bound already. */
  readonly serverPort: UdpSocket;
  /** A socket on the client's port, or null where somebody else holds it: a DHCP client of this host. */
  readonly openClientPort: () => Promise<UdpSocket | null>;
  /** Servers that are no other ones, since they share their leases with this one; default: there are none. */
  readonly isPeer?: (server: Ip4) => boolean;
}

/**
 * Before it offers an address ISC dhcpd checks for 1 s whether it is in use, and dnsmasq for 3 s; a
 * DHCPINFORM they answer at once. So the link is silent when nothing came within LISTEN_MS, and who has
 * answered has until OFFER_MS to say what it offers. A datagram may be lost: once more after a while.
 */
const LISTEN_MS = 2500;
const OFFER_MS = 4000;
const REPEAT_MS = 1000;

/**
 * Looks for other DHCP servers on a link: broadcasts a DHCPDISCOVER and a DHCPINFORM, both as a client and as
 * a relay agent would forward them, whose answers come to the server's own port. Proxies, which offer no
 * address, do not count.
 */
export class RogueServerSearch {
  readonly #options: RogueServerSearchOptions;
  #xid = 0;
  /** It has answered, and not offered anything yet. */
  #heard: OtherServer | null = null;
  #end: (other: OtherServer | null) => void = () => {};

  constructor(options: RogueServerSearchOptions) {
    this.#options = options;
    options.serverPort.onMessage((payload) => this.#hear(payload));
  }

  /** The first other server that answers; null when none does. Takes from two and a half to four seconds. */
  async search(): Promise<OtherServer | null> {
    const { address, mac, serverPort, openClientPort } = this.#options;
    this.#xid = newXid();
    this.#heard = null;
    const clientPort = await openClientPort();
    clientPort?.onMessage((payload) => this.#hear(payload));
    // Where it fails, the search still works through the server port.
    clientPort?.onError(() => {});
    const discover = systemRequest(mac, this.#xid, null);
    const inform = asInform(discover, address);
    const ask = (): void => {
      // dnsmasq receives nothing while it checks whether an address is in use: the quick question first.
      for (const request of [inform, discover]) {
        if (clientPort !== null) broadcast(clientPort, request);
        broadcast(serverPort, { ...request, hops: 1, giaddr: address });
      }
    };
    const again = setTimeout(ask, REPEAT_MS);
    const listening = setTimeout(() => {
      if (this.#heard === null) this.#end(null);
    }, LISTEN_MS);
    const atLast = setTimeout(() => this.#end(this.#heard), OFFER_MS);
    try {
      return await new Promise((resolve) => {
        this.#end = resolve;
        // Stopped while the client's port was opened.
        if (this.#xid === 0) resolve(null);
        else ask();
      });
    } finally {
      clearTimeout(again);
      clearTimeout(listening);
      clearTimeout(atLast);
      this.#xid = 0;
      await clientPort?.close();
    }
  }

  /** Ends a search that is under way; it has found nothing then. */
  stop(): void {
    this.#xid = 0;
    this.#end(null);
  }

  #hear(payload: Uint8Array): void {
    const packet = this.#xid === 0 ? null : replyTo(this.#xid, payload);
    if (packet === null) return;
    const type = packet.options.get(OptionCode.MESSAGE_TYPE)?.[0];
    const { serverId: server, address } = readOffer(packet, ANY_ADDRESS);
    const { address: own, isPeer } = this.#options;
    if (server === null || server === own || isPeer?.(server) === true) return;
    if (type === MessageType.ACK) this.#heard ??= { server, offered: null };
    if (type === MessageType.OFFER && address !== null) this.#end({ server, offered: address });
  }
}

/** RFC 2131 4.4.3: from a client that has an address and wants the rest. */
function asInform(discover: DhcpPacket, address: Ip4): DhcpPacket {
  const type = Uint8Array.of(MessageType.INFORM);
  const options = new Map(discover.options).set(OptionCode.MESSAGE_TYPE, type);
  return { ...discover, flags: 0, ciaddr: address, options };
}
