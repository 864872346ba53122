import { type DhcpPacket, encodePacket } from "../../dhcp/wire/packet.ts";
import { MessageType } from "../../dhcp/wire/message-type.ts";
import { OptionCode } from "../../dhcp/wire/option-codes.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { UdpSocket } from "../../net/udp.ts";
import { broadcast, replyTo } from "./dhcp-wire.ts";
import type { Inbox } from "./inbox.ts";
import { isOffer, type Offer, readOffer } from "./offers.ts";

/** A client's end of DHCP: port 68, which hears broadcasts. */
export interface ClientPort {
  readonly socket: UdpSocket;
  readonly inbox: Inbox;
}

// PXE 2.1, 3.1: a client discovers with 4 s to wait, then again. A third and a fourth time, at 12 and
// 28 s, find nothing that was not there before.
const roundsMs = [4000, 4000];
/** A datagram may be lost: once more within a round. */
const repeatMs = 1500;
/** PXE 2.1, 3.1: a boot server is asked again after 1, 2 and 3 s. */
const bootServerWaitsMs = [1000, 2000, 3000];

export const BOOT_SERVER_PORT = 4011;

/**
 * Broadcasts a DHCPDISCOVER and collects what comes, in the order of arrival, the first offer of each
 * server. It listens a whole round of 4 s, as firmware does, and a second one while `usable` says no.
 *
 * @param decided ends the listening at once
 */
export async function collectOffers(
  { socket, inbox }: ClientPort,
  request: DhcpPacket,
  how: {
    readonly usable: (offers: readonly Offer[]) => boolean;
    readonly decided: (offers: readonly Offer[]) => boolean;
  },
): Promise<readonly Offer[]> {
  const offers = new Map<string, Offer>();
  const seen = () => [...offers.values()];
  for (const roundMs of roundsMs) {
    for (const partMs of [repeatMs, roundMs - repeatMs]) {
      const again = partMs !== repeatMs && how.usable(seen());
      if (!again) broadcast(socket, request);
      for await (const { payload, from } of inbox.within(partMs)) {
        const packet = replyTo(request.xid, payload);
        if (packet === null || !isOffer(packet)) continue;
        const offer = readOffer(packet, from.address);
        const key = `${offer.server} ${offer.address === null ? "proxy" : "address"}`;
        if (!offers.has(key)) offers.set(key, offer);
        if (how.decided(seen())) return seen();
      }
    }
    if (how.usable(seen())) break;
  }
  return seen();
}

/**
 * Asks a boot server on port 4011; null when it does not answer.
 *
 * @param onlyFromItsPort iPXE drops answers from another port than 4011, EDK2 takes them
 */
export async function askBootServer(
  { socket, inbox }: ClientPort,
  request: DhcpPacket,
  server: Ip4,
  onlyFromItsPort: boolean,
): Promise<Offer | null> {
  for (const waitMs of bootServerWaitsMs) {
    socket.send(encodePacket(request), { address: server, port: BOOT_SERVER_PORT });
    for await (const { payload, from } of inbox.within(waitMs)) {
      if (onlyFromItsPort && from.port !== BOOT_SERVER_PORT) continue;
      const packet = replyTo(request.xid, payload);
      if (packet === null) continue;
      if (packet.options.get(OptionCode.MESSAGE_TYPE)?.[0] === MessageType.NAK) continue;
      return readOffer(packet, from.address);
    }
  }
  return null;
}
