import { concat, readU16, readU32, u16, u32 } from "../lib/bytes.ts";
import { DecodeError, InternalError } from "../lib/errors.ts";
import { type Ip4, ip4FromBytes, ip4ToBytes } from "../lib/ip4.ts";

/** RFC 2131 2: a client sends BOOTREQUEST, a server BOOTREPLY. */
export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

/** RFC 2131 2: the highest of the 16 flag bits asks for a broadcast reply; the others are zero. */
export const BROADCAST_FLAG = 0x8000;

/** The values of option 53 (RFC 2132 9.6). */
export const MessageType = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;

/** The longest `sname` and `file` in bytes: a NUL follows them in the header's 64 and 128 bytes. */
export const MAX_SNAME_BYTES = 63;
export const MAX_FILE_BYTES = 127;

const MAGIC_COOKIE = 0x63825363;
const OPTIONS_AT = 240;
const MIN_PACKET_BYTES = 300;
const PAD = 0;
const RELAY_INFORMATION = 82;
const END = 255;

/** A BOOTP packet with the DHCP cookie (RFC 2131 2). Addresses are dotted quads, `0.0.0.0` for none. */
export interface DhcpPacket {
  readonly op: number;
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ip4;
  readonly yiaddr: Ip4;
  readonly siaddr: Ip4;
  readonly giaddr: Ip4;
  /** 0 to 16 bytes; `hlen` is its length. */
  readonly chaddr: Uint8Array;
  /** One character a byte, without the NUL that ends it. */
  readonly sname: string;
  /** One character a byte, without the NUL that ends it. */
  readonly file: string;
  /** Codes 1 to 254. A repeated option is one value here (RFC 3396); an empty value is "present". */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/**
 * The packet in a datagram's payload. Bytes after End are ignored; option overload (52) is not
 * followed, no netboot client uses it. The packet shares no memory with `bytes`.
 *
 * @throws {DecodeError} with layer "dhcp", and nothing else, whatever the bytes are.
 */
export function decodePacket(bytes: Uint8Array): DhcpPacket {
  if (bytes.length < OPTIONS_AT) {
    throw new DecodeError("dhcp", bytes.length, "the packet is shorter than 240 bytes");
  }
  if (readU32(bytes, 236) !== MAGIC_COOKIE) {
    throw new DecodeError("dhcp", 236, "the magic cookie is missing");
  }
  const options = decodeOptions(bytes);
  const hlen = Math.min(bytes[2] ?? 0, 16);
  return {
    op: bytes[0] ?? 0,
    htype: bytes[1] ?? 0,
    hops: bytes[3] ?? 0,
    xid: readU32(bytes, 4),
    secs: readU16(bytes, 8),
    flags: readU16(bytes, 10),
    ciaddr: ip4FromBytes(bytes, 12),
    yiaddr: ip4FromBytes(bytes, 16),
    siaddr: ip4FromBytes(bytes, 20),
    giaddr: ip4FromBytes(bytes, 24),
    chaddr: concat([bytes.subarray(28, 28 + hlen)]),
    sname: nameIn(bytes.subarray(44, 108)),
    file: nameIn(bytes.subarray(108, 236)),
    options,
  };
}

function decodeOptions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const parts = new Map<number, Uint8Array[]>();
  let at = OPTIONS_AT;
  let ended = at === bytes.length;
  while (at < bytes.length) {
    const code = bytes[at] ?? END;
    if (code === END) {
      ended = true;
      break;
    }
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) {
      throw new DecodeError("dhcp", at, `option ${code} runs past the end of the packet`);
    }
    const part = bytes.subarray(at + 2, at + 2 + length);
    const former = parts.get(code);
    if (former === undefined) parts.set(code, [part]);
    else former.push(part);
    at += 2 + length;
  }
  if (!ended) throw new DecodeError("dhcp", at, "the options do not end with End (255)");
  // RFC 3396 7: the parts of a split option are one value, in the order in which they came.
  return new Map(Array.from(parts, ([code, list]) => [code, concat(list)]));
}

function nameIn(field: Uint8Array): string {
  const nul = field.indexOf(0);
  return String.fromCharCode(...(nul === -1 ? field : field.subarray(0, nul)));
}

/**
 * The bytes of a packet: options in ascending order, 82 last (RFC 3046 2.1), End, zeros up to 300
 * bytes (the least that BOOTP relays and old ROMs take, RFC 1542 2.1). A value of more than 255
 * bytes is split (RFC 3396 5). `decodePacket` gives the same packet back.
 *
 * @throws {InternalError} when a field does not fit its place; names are never cut.
 */
export function encodePacket(packet: DhcpPacket): Uint8Array {
  if (packet.chaddr.length > 16) throw new InternalError("chaddr is longer than 16 bytes");
  const codes = [...packet.options.keys()].toSorted((a, b) => orderOf(a) - orderOf(b));
  const bytes = concat([
    octets(packet.op, packet.htype, packet.chaddr.length, packet.hops),
    u32(within("xid", packet.xid, 0xffffffff)),
    u16(within("secs", packet.secs, 0xffff)),
    u16(within("flags", packet.flags, 0xffff)),
    ip4ToBytes(packet.ciaddr),
    ip4ToBytes(packet.yiaddr),
    ip4ToBytes(packet.siaddr),
    ip4ToBytes(packet.giaddr),
    padded(packet.chaddr, 16),
    padded(nameBytes("sname", packet.sname, MAX_SNAME_BYTES), 64),
    padded(nameBytes("file", packet.file, MAX_FILE_BYTES), 128),
    u32(MAGIC_COOKIE),
    ...codes.flatMap((code) => encodeOne(code, packet.options.get(code) ?? new Uint8Array())),
    Uint8Array.of(END),
  ]);
  return bytes.length < MIN_PACKET_BYTES ? padded(bytes, MIN_PACKET_BYTES) : bytes;
}

/** How many bytes `encodePacket` makes of the packet, without the zeros up to the least length. */
export function encodedLength({ options }: DhcpPacket): number {
  let length = OPTIONS_AT + 1;
  for (const { length: bytes } of options.values()) {
    length += bytes + 2 * Math.max(1, Math.ceil(bytes / 255));
  }
  return length;
}

function orderOf(code: number): number {
  return code === RELAY_INFORMATION ? END : code;
}

function encodeOne(code: number, value: Uint8Array): Uint8Array[] {
  if (!Number.isInteger(code) || code <= PAD || code >= END) {
    throw new InternalError(`${code} is no option code`);
  }
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < value.length; at += 255) {
    const part = value.subarray(at, at + 255);
    parts.push(Uint8Array.of(code, part.length), part);
  }
  return parts;
}

function nameBytes(field: string, name: string, limit: number): Uint8Array {
  if (name.length > limit) throw new InternalError(`${field} is longer than ${limit} bytes`);
  return Uint8Array.from(name, (character) => {
    const byte = character.charCodeAt(0);
    if (byte === 0 || byte > 0xff || character.length > 1) {
      throw new InternalError(`${field} holds a character that is not one byte, or NUL`);
    }
    return byte;
  });
}

function within(field: string, value: number, limit: number): number {
  if (!Number.isInteger(value) || value < 0 || value > limit) {
    throw new InternalError(`${field} ${value} does not fit`);
  }
  return value;
}

function octets(...values: number[]): Uint8Array {
  return Uint8Array.from(values, (value) => within("header octet", value, 0xff));
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}
