import { ANY_ADDRESS, type Ip4, LIMITED_BROADCAST } from "../../lib/ip4.ts";

import { OptionCode } from "../wire/option-codes.ts";
import { BROADCAST_FLAG, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import type { DhcpRequest } from "./request.ts";

/** Where a reply goes, and from which of our ports (67 or 4011) it leaves. */
export interface Destination {
  readonly address: Ip4;
  readonly port: number;
}

const SERVER_PORT = 67;
/** Where boot servers listen, and EDK2 for their answers. */
const BOOT_SERVER_PORT = 4011;
/** Where DHCP clients listen. */
export const CLIENT_PORT = 68;

/**
 * Where `reply` to `request` goes (RFC 2131 4.1). A client without an address is always reached by
 * limited broadcast, whatever its broadcast flag: that needs neither ARP nor raw sockets, and each
 * firmware hears it. A broadcast goes to the client port, from whatever port the request came; where the
 * source is the client's own address, its port is believed.
 */
export function route(request: DhcpRequest, reply: DhcpPacket): Destination {
  const { packet } = request;
  // RFC 2131 4.1: a relay agent takes replies on the server port.
  if (packet.giaddr !== ANY_ADDRESS) return { address: packet.giaddr, port: SERVER_PORT };
  const broadcast = { address: LIMITED_BROADCAST, port: CLIENT_PORT };
  // RFC 2131 4.1: a DHCPNAK is broadcast even when the client has (a wrong) address.
  if (isNak(reply)) return broadcast;
  // RFC 2131 4.1, 4.3.5: a client that renews or informs is reached at its own address.
  const address = request.clientAddress ?? sourceAddress(request);
  if (address === null) return broadcast;
  // RFC 2131 4.1: without `ciaddr` the flag decides. What came by unicast may have come over a router, which forwards no broadcast.
  const { isBroadcast = false } = request.source;
  const isFlagged = (packet.flags & BROADCAST_FLAG) !== 0;
  if (request.clientAddress === null && isBroadcast && isFlagged) return broadcast;
  return { address, port: address === request.source.address ? clientPort(request) : CLIENT_PORT };
}

/** Straight back to where the datagram came from, as SMEE's proxy answers. */
export function routeToSource(request: DhcpRequest): Destination {
  return { address: sourceAddress(request) ?? LIMITED_BROADCAST, port: clientPort(request) };
}

/**
 * Straight back to where the datagram came from, as boot servers answer (PXE 2.1, 2.2.4). A broadcast goes
 * to the client port, or to 4011 where the client asks from there, as EDK2 does: it listens on no other.
 */
export function routeFromBootServer(request: DhcpRequest): Destination {
  if (sourceAddress(request) !== null) return routeToSource(request);
  const port = request.source.port === BOOT_SERVER_PORT ? BOOT_SERVER_PORT : CLIENT_PORT;
  return { address: LIMITED_BROADCAST, port };
}

function sourceAddress({ source }: DhcpRequest): Ip4 | null {
  return source.address === "" || source.address === ANY_ADDRESS ? null : source.address;
}

/** The port the client sent from: 68 as a rule, 4011 for EDK2's boot server requests. */
function clientPort(request: DhcpRequest): number {
  // Port 0 is legal as a source (RFC 768) and cannot be sent to.
  return request.source.port === 0 ? CLIENT_PORT : request.source.port;
}

function isNak(reply: DhcpPacket): boolean {
  return reply.options.get(OptionCode.MESSAGE_TYPE)?.[0] === MessageType.NAK;
}
