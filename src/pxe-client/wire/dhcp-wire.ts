import { BOOTREPLY, decodePacket, type DhcpPacket, encodePacket } from "../../dhcp/wire/packet.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { LIMITED_BROADCAST } from "../../lib/ip4.ts";
import type { UdpSocket } from "../../net/udp.ts";

/* What all that asks DHCP servers has in common, whatever it asks. */

const SERVER_PORT = 67;

/** A number that no other exchange on the link is likely to have. */
export function newXid(): number {
  return Math.floor(Math.random() * 0xffffffff);
}

/** Sends a request to all servers on the link. */
export function broadcast(socket: UdpSocket, request: DhcpPacket): void {
  socket.send(encodePacket(request), { address: LIMITED_BROADCAST, port: SERVER_PORT });
}

/** The reply in a datagram; null when it is none, or answers another request than this `xid`. */
export function replyTo(xid: number, payload: Uint8Array): DhcpPacket | null {
  const packet = decodedOrNull(() => decodePacket(payload));
  return packet?.op === BOOTREPLY && packet.xid === xid ? packet : null;
}
