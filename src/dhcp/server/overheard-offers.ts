import { ANY_ADDRESS, type Ip4 } from "../../lib/ip4.ts";
import { type Mac, macFromBytes } from "../../lib/mac.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Addresses, isOurs } from "../link.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { BROADCAST_FLAG, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import type { DhcpRequest } from "../message/request.ts";
import { type CompetingOffer, readCompetingOffer } from "../message/competing-offer.ts";
import { type AddressOffer, addressOfferIn, unbeatableServer } from "../message/pxe-hijack.ts";

/** Machines that are remembered, and offers of each: EDK2 keeps 16. */
const MAX_MACHINES = 1024;
const MAX_OFFERS = 16;

/** What one machine was offered in its latest transaction. */
interface Heard {
  readonly xid: number;
  readonly offers: readonly AddressOffer[];
  readonly atMs: number;
}

/**
 * What other servers offered on a link: their offers to clients without an address are broadcast, as PXE
 * clients ask for it. Bounded in memory whatever the network sends.
 */
export class OverheardOffers {
  readonly #heard = new BoundedMap<Mac, Heard>(MAX_MACHINES);
  /** Machines that boot. */
  readonly #clients = new BoundedMap<Mac, true>(MAX_MACHINES);

  /** A packet that came to the client port; whatever is no offer of an address is passed over. */
  heard(packet: DhcpPacket, nowMs: number): void {
    const { xid, chaddr, options } = packet;
    const offer = addressOfferIn(packet);
    if (offer === null || options.get(OptionCode.MESSAGE_TYPE)?.[0] !== MessageType.OFFER) return;
    const mac = macFromBytes(chaddr);
    const former = this.#heard.get(mac);
    const before = former?.xid === xid ? former.offers : [];
    const offers = [...before, offer].slice(-MAX_OFFERS);
    this.#heard.set(mac, { xid, offers, atMs: nowMs });
  }

  /** A request: from now on what others offer its machine is of interest, when it is one that boots. */
  asked({ mac, client }: DhcpRequest): void {
    if (client.transport !== null) this.#clients.set(mac, true);
  }

  /** What a packet to the client port of `link` offers a machine that boots; null otherwise, and for our own offers. */
  competing(packet: DhcpPacket, link: Addresses): CompetingOffer | null {
    if (!this.#clients.has(macFromBytes(packet.chaddr))) return null;
    const offer = readCompetingOffer(packet, link.address);
    return offer === null || isOurs(link, offer.server) ? null : offer;
  }

  /**
   * A client takes an offer: the server that it takes, when that one keeps its firmware from looking at
   * any proxy; null otherwise, and when its offer was not heard.
   */
  unbeatable({ packet, mac, messageType, serverId, client }: DhcpRequest): Ip4 | null {
    const firmware = client.transport === "pxe" && !client.ipxe;
    if (messageType !== MessageType.REQUEST || serverId === null || !firmware) return null;
    const heard = this.#heard.get(mac);
    if (heard?.xid !== packet.xid) return null;
    return unbeatableServer(heard.offers) === serverId ? serverId : null;
  }

  /**
   * When the request's machine was last offered an address, in the time of `heard`; 0: never; null: its
   * offers cannot be heard, since they go to a relay agent or are not broadcast.
   */
  addressOfferedAtMs({ packet, mac }: DhcpRequest): number | null {
    const broadcast = (packet.flags & BROADCAST_FLAG) !== 0;
    if (packet.giaddr !== ANY_ADDRESS || !broadcast) return null;
    return this.#heard.get(mac)?.atMs ?? 0;
  }
}
