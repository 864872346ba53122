import { readU16 } from "../lib/bytes.ts";
import { ip4FromBytes } from "../lib/ip4.ts";
import type { Datagram } from "./datagram.ts";

/** The numbers of link types in capture files (https://www.tcpdump.org/linktypes.html) that are read here. */
export const linkTypes = {
  /** BSD loopback: four bytes of an address family in the byte order of the host. */
  null: 0,
  ethernet: 1,
  /** As OpenBSD and some libpcaps number the next one. */
  rawOld: 12,
  /** No link header. */
  raw: 101,
  /** As `null`, in network byte order. */
  loop: 108,
  /** Linux "cooked", as of the device `any`. */
  cooked: 113,
  ipv4: 228,
  cooked2: 276,
} as const;

const IPV4 = 0x0800;
/** IEEE 802.1Q, 802.1ad, and what switches used before that. */
const vlanTags: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
const UDP = 17;
/** The more-fragments flag and the offset (RFC 791 3.1). */
const FRAGMENT = 0x3fff;

/** Whether frames of this link type are read. */
export function isReadable(linkType: number): boolean {
  return Object.values(linkTypes).some((known) => known === linkType);
}

/**
 * The UDP datagram in a frame; null for all else: other protocols, fragments, frames that are cut off. The
 * payload is a view into the frame.
 */
export function datagramIn(frame: Uint8Array, linkType: number): Datagram | null {
  const at = networkLayerAt(frame, linkType);
  return at === null ? null : udpIn(frame.subarray(at));
}

/** Where the IPv4 packet begins; null: it holds none. */
function networkLayerAt(frame: Uint8Array, linkType: number): number | null {
  switch (linkType) {
    case linkTypes.ethernet:
      return behindType(frame, 12);
    case linkTypes.cooked:
      return behindType(frame, 14);
    case linkTypes.cooked2:
      return readU16(frame, 0) === IPV4 ? 20 : null;
    case linkTypes.null:
    case linkTypes.loop:
      return 4;
    case linkTypes.raw:
    case linkTypes.rawOld:
    case linkTypes.ipv4:
      return 0;
    default:
      return null;
  }
}

/** Behind the EtherType at this place and however many VLAN tags stand before it. */
function behindType(frame: Uint8Array, typeAt: number): number | null {
  let at = typeAt;
  while (at + 2 <= frame.length && vlanTags.has(readU16(frame, at))) at += 4;
  return readU16(frame, at) === IPV4 ? at + 2 : null;
}

function udpIn(packet: Uint8Array): Datagram | null {
  const first = packet[0] ?? 0;
  const headerLength = (first & 0x0f) * 4;
  const total = readU16(packet, 2);
  if (first >> 4 !== 4 || headerLength < 20 || packet[9] !== UDP) return null;
  if ((readU16(packet, 6) & FRAGMENT) !== 0) return null;
  // A frame may be padded; a card that segments itself leaves the total at 0.
  const whole = packet.subarray(headerLength, total === 0 ? packet.length : total);
  const length = readU16(whole, 4);
  if (whole.length < 8 || length < 8 || length > whole.length) return null;
  return {
    source: { address: ip4FromBytes(packet, 12), port: readU16(whole, 0) },
    destination: { address: ip4FromBytes(packet, 16), port: readU16(whole, 2) },
    payload: whole.subarray(8, length),
  };
}
