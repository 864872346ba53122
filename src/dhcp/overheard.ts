import type { Ip4 } from "../lib/ip4.ts";
import { macFromBytes } from "../lib/mac.ts";
import { putRecent } from "../lib/recent.ts";
import { OptionCode } from "./option-codes.ts";
import { BOOTREPLY, type DhcpPacket, MessageType } from "./packet.ts";
import type { DhcpRequest } from "./request.ts";
import { unbeatableServer } from "./unbeatable.ts";

/** Transactions that are remembered at the same time, and offers of each: EDK2 keeps 16. */
const MAX_TRANSACTIONS = 1024;
const MAX_OFFERS = 16;

/**
 * What other servers offered on a link: their offers to clients without an address are broadcast, as PXE
 * clients ask for it. Bounded in memory whatever the network sends.
 */
export class OverheardOffers {
  readonly #offers = new Map<string, readonly DhcpPacket[]>();

  /** A packet that came to the client port; whatever is no offer of an address is passed over. */
  heard(packet: DhcpPacket): void {
    const type = packet.options.get(OptionCode.MESSAGE_TYPE)?.[0];
    if (packet.op !== BOOTREPLY || type !== MessageType.OFFER) return;
    const key = transactionOf(packet);
    const offers = [...(this.#offers.get(key) ?? []), packet].slice(-MAX_OFFERS);
    putRecent(this.#offers, key, offers, MAX_TRANSACTIONS);
  }

  /**
   * A client takes an offer: the server that it takes, when that one keeps its firmware from looking at
   * any proxy; null otherwise, and when its offer was not heard.
   */
  unbeatable({ packet, messageType, serverId, client }: DhcpRequest): Ip4 | null {
    const firmware = client.transport === "pxe" && !client.ipxe;
    if (messageType !== MessageType.REQUEST || serverId === null || !firmware) return null;
    const found = unbeatableServer(this.#offers.get(transactionOf(packet)) ?? []);
    return found === serverId ? found : null;
  }
}

function transactionOf({ chaddr, xid }: DhcpPacket): string {
  return `${macFromBytes(chaddr)} ${xid}`;
}
