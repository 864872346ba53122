import { readU16 } from "../../lib/bytes.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { type DhcpPacket, encodedLength } from "../wire/packet.ts";
import type { DhcpRequest } from "./request.ts";

/*
 * Replies that their client can take. What does not fit is left out, never put into `sname` and `file`
 * (option 52): shim, U-Boot and GRUB read those two as names, whatever option 52 says.
 */

const IP_AND_UDP_HEADER_BYTES = 28;
/** RFC 2132 9.10: every client takes this much. */
const LEAST_DATAGRAM_BYTES = 576;
/**
 * An Ethernet frame, whatever the client says: EDK2 announces 1472 in its DHCPDISCOVER and 65280 in its
 * DHCPREQUEST, and drops what has more than 1472 bytes.
 */
const MOST_DATAGRAM_BYTES = 1500;

/** What a reply is no DHCP reply without. */
const protocolOptions: readonly number[] = [
  OptionCode.MESSAGE_TYPE,
  OptionCode.SERVER_IDENTIFIER,
  OptionCode.RELAY_AGENT_INFORMATION,
  OptionCode.LEASE_TIME,
  OptionCode.RENEWAL_TIME,
  OptionCode.REBINDING_TIME,
  OptionCode.SUBNET_MASK,
];

/** What a boot client stops without; its option 55 names them rarely. */
const bootOptions: readonly number[] = [
  OptionCode.VENDOR_CLASS_IDENTIFIER,
  OptionCode.VENDOR_SPECIFIC,
  OptionCode.BOOTFILE_NAME,
  OptionCode.TFTP_SERVER_NAME,
  OptionCode.CLIENT_MACHINE_IDENTIFIER,
  OptionCode.IPXE_ENCAPSULATED,
];

/** The most bytes of UDP payload that the client takes: option 57, within what all take and a frame holds. */
function replyLimit(request: DhcpRequest): number {
  const option = request.packet.options.get(OptionCode.MAXIMUM_MESSAGE_SIZE);
  const announced = option?.length === 2 ? readU16(option, 0) : LEAST_DATAGRAM_BYTES;
  const datagram = Math.min(MOST_DATAGRAM_BYTES, Math.max(LEAST_DATAGRAM_BYTES, announced));
  return datagram - IP_AND_UDP_HEADER_BYTES;
}

/**
 * The reply without what does not fit: first stay the protocol's own options, then what boots a boot
 * client, then what option 55 asks for, in its order of preference (RFC 2132 9.8), then the rest.
 */
export function withinLimit(reply: DhcpPacket, request: DhcpRequest): DhcpPacket {
  const limit = replyLimit(request);
  if (encodedLength(reply) <= limit) return reply;
  const boots = request.client.transport !== null || request.client.ipxe;
  const order = new Set([
    ...protocolOptions,
    ...(boots ? bootOptions : []),
    // RFC 6842 3: a client takes a reply without it; it may have 255 bytes.
    OptionCode.CLIENT_IDENTIFIER,
    ...request.parameterRequestList,
    ...[...reply.options.keys()].toSorted((a, b) => a - b),
  ]);
  let fitting: DhcpPacket = { ...reply, options: new Map() };
  for (const code of order) {
    const value = reply.options.get(code);
    if (value === undefined) continue;
    const options = new Map(fitting.options).set(code, value);
    const longer = { ...fitting, options };
    if (mustStay(code, reply) || encodedLength(longer) <= limit) fitting = longer;
  }
  return fitting;
}

/** A boot file that the header's `file` has no room for is nowhere else: an offer without it is no use. */
function mustStay(code: number, { file }: DhcpPacket): boolean {
  return protocolOptions.includes(code) || (code === OptionCode.BOOTFILE_NAME && file === "");
}
