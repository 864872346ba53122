import { readU16, readU32, writeU16, writeU32 } from "../../lib/bytes.ts";
import { DecodeError, InternalError } from "../../lib/errors.ts";
import { type Ip4, ip4FromBytes, ip4ToNumber } from "../../lib/ip4.ts";
import { fixedLengths } from "./option-lengths.ts";
import { joined, valueOf } from "./option-parts.ts";

/** RFC 2131 2: a client sends BOOTREQUEST, a server BOOTREPLY. */
export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

/** RFC 2131 2: the highest of the 16 flag bits asks for a broadcast reply; the others are zero. */
export const BROADCAST_FLAG = 0x8000;

/** The longest `sname` and `file` in bytes: a NUL follows them in the header's 64 and 128 bytes. */
export const MAX_SNAME_BYTES = 63;
export const MAX_FILE_BYTES = 127;

const MAGIC_COOKIE = 0x63825363;
const OPTIONS_AT = 240;
const MIN_PACKET_BYTES = 300;
export const PAD = 0;
const MESSAGE_TYPE = 53;
/** No option has this code. */
const NONE = -1;
const BOOT_FILE = 67;
const RELAY_INFORMATION = 82;
export const END = 255;
/** RFC 3396 5: a longer value is split. */
const MAX_PART_BYTES = 255;

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
 * How much is made of a damaged list of options. "liberal", as dnsmasq: the datagram's end bounds the
 * options, so End may be missing, and an option that runs past it is passed over. "strict", as SMEE: both are
 * faults of the packet.
 */
export type Reading = "liberal" | "strict";

/**
 * In which order options are written: option 53 first, where some clients look for it, then the others by
 * their codes, and option 67 behind them, where old firmware that reads on behind the name finds nothing that looks like one; or all
 * by their codes, as SMEE does. Option 82 is last in both (RFC 3046 2.2).
 */
export type OptionOrder = "type-first" | "by-code";

/**
 * The packet in a datagram's payload. Bytes after End are ignored; option overload (52) is not
 * followed, no netboot client uses it. The packet shares no memory with `bytes`.
 *
 * @throws {DecodeError} with layer "dhcp", and nothing else, whatever the bytes are.
 */
export function decodePacket(bytes: Uint8Array, reading: Reading = "liberal"): DhcpPacket {
  // One copy for all: whoever received the datagram may use its memory again.
  return decodeKeptPacket(new Uint8Array(bytes), reading);
}

/**
 * The same of a datagram whose memory nobody writes to any more: the packet's parts are in it.
 *
 * @throws {DecodeError} as `decodePacket` does
 */
export function decodeKeptPacket(bytes: Uint8Array, reading: Reading): DhcpPacket {
  if (bytes.length < OPTIONS_AT) {
    throw new DecodeError("dhcp", bytes.length, "the packet is shorter than 240 bytes");
  }
  if (readU32(bytes, 236) !== MAGIC_COOKIE) {
    throw new DecodeError("dhcp", 236, "the magic cookie is missing");
  }
  const options = decodeOptions(bytes, reading);
  const hlen = chaddrLengthOf(bytes);
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
    chaddr: bytes.subarray(28, 28 + hlen),
    sname: nameIn(bytes, 44, 108),
    file: nameIn(bytes, 108, 236),
    options,
  };
}

/** Of the field's 16 bytes (RFC 2131, 2) as many as hlen says, and no more. */
export function chaddrLengthOf(datagram: Uint8Array): number {
  return Math.min(datagram[2] ?? 0, 16);
}

function decodeOptions(bytes: Uint8Array, reading: Reading): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  /** Of options that are there more than once, which is rare. */
  let parts: Map<number, Uint8Array[]> | null = null;
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
      if (reading === "liberal") break;
      throw new DecodeError("dhcp", at, `option ${code} runs past the end of the packet`);
    }
    const part = bytes.subarray(at + 2, at + 2 + length);
    const former = options.get(code);
    if (former === undefined) options.set(code, part);
    else {
      // One list that grows: 64 KiB have room for 32,000 empty options, and to copy it for each would take seconds.
      parts ??= new Map();
      const list = parts.get(code);
      if (list === undefined) parts.set(code, [former, part]);
      else list.push(part);
    }
    at += 2 + length;
  }
  if (!ended && reading === "strict") {
    throw new DecodeError("dhcp", at, "the options do not end with End (255)");
  }
  for (const [code, list] of parts ?? []) {
    options.set(code, reading === "strict" ? joined(list) : valueOf(list, fixedLengths.get(code)));
  }
  return options;
}

function nameIn(bytes: Uint8Array, from: number, end: number): string {
  // As a rule.
  if (bytes[from] === 0) return "";
  const field = bytes.subarray(from, end);
  const nul = field.indexOf(0);
  return String.fromCharCode(...(nul === -1 ? field : field.subarray(0, nul)));
}

/**
 * The bytes of a packet: options in this order, 82 last (RFC 3046 2.1), End, zeros up to 300
 * bytes (the least that BOOTP relays and old ROMs take, RFC 1542 2.1). A value of more than 255
 * bytes is split (RFC 3396 5). `decodePacket` gives the same packet back.
 *
 * @throws {InternalError} when a field does not fit its place; names are never cut.
 */
export function encodePacket(packet: DhcpPacket, order: OptionOrder = "type-first"): Uint8Array {
  if (packet.chaddr.length > 16) throw new InternalError("chaddr is longer than 16 bytes");
  const bytes = new Uint8Array(Math.max(MIN_PACKET_BYTES, encodedLength(packet)));
  bytes[0] = within("op", packet.op, 0xff);
  bytes[1] = within("htype", packet.htype, 0xff);
  bytes[2] = packet.chaddr.length;
  bytes[3] = within("hops", packet.hops, 0xff);
  writeU32(bytes, 4, within("xid", packet.xid, 0xffffffff));
  writeU16(bytes, 8, within("secs", packet.secs, 0xffff));
  writeU16(bytes, 10, within("flags", packet.flags, 0xffff));
  writeU32(bytes, 12, ip4ToNumber(packet.ciaddr));
  writeU32(bytes, 16, ip4ToNumber(packet.yiaddr));
  writeU32(bytes, 20, ip4ToNumber(packet.siaddr));
  writeU32(bytes, 24, ip4ToNumber(packet.giaddr));
  bytes.set(packet.chaddr, 28);
  writeName(bytes, 44, "sname", packet.sname, MAX_SNAME_BYTES);
  writeName(bytes, 108, "file", packet.file, MAX_FILE_BYTES);
  writeU32(bytes, 236, MAGIC_COOKIE);
  let at = OPTIONS_AT;
  const { options } = packet;
  const [first, nearlyLast] = order === "type-first" ? [MESSAGE_TYPE, BOOT_FILE] : [NONE, NONE];
  const write = (code: number): void => {
    const value = options.get(code);
    if (value !== undefined) at = writeOption(bytes, at, code, value);
  };
  write(first);
  for (const code of sortedCodes(options)) {
    if (code !== first && code !== nearlyLast && code !== RELAY_INFORMATION) write(code);
  }
  write(nearlyLast);
  write(RELAY_INFORMATION);
  bytes[at] = END;
  return bytes;
}

/** A reply has a dozen options, nearly in order: sorted here, they leave nothing behind but their list. */
function sortedCodes(options: ReadonlyMap<number, Uint8Array>): readonly number[] {
  const codes: number[] = [];
  options.forEach((_, code) => {
    let at = codes.length;
    for (; at > 0 && (codes[at - 1] ?? 0) > code; at--) codes[at] = codes[at - 1] ?? 0;
    codes[at] = code;
  });
  return codes;
}

/** How many bytes `encodePacket` makes of the packet, without the zeros up to the least length. */
export function encodedLength({ options }: DhcpPacket): number {
  let length = OPTIONS_AT + 1;
  options.forEach(({ length: bytes }) => {
    length += bytes + 2 * Math.max(1, Math.ceil(bytes / MAX_PART_BYTES));
  });
  return length;
}

/** Returns where the next option begins. */
function writeOption(bytes: Uint8Array, start: number, code: number, value: Uint8Array): number {
  if (!Number.isInteger(code) || code <= PAD || code >= END) {
    throw new InternalError(`${code} is no option code`);
  }
  let at = start;
  for (let from = 0; from === 0 || from < value.length; from += MAX_PART_BYTES) {
    const length = Math.min(MAX_PART_BYTES, value.length - from);
    bytes[at] = code;
    bytes[at + 1] = length;
    // Most values have a few bytes, and a view of them costs more than copying them.
    for (let i = 0; i < length; i++) bytes[at + 2 + i] = value[from + i] ?? 0;
    at += 2 + length;
  }
  return at;
}

function writeName(
  bytes: Uint8Array,
  at: number,
  field: string,
  name: string,
  limit: number,
): void {
  if (name.length > limit) throw new InternalError(`${field} is longer than ${limit} bytes`);
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i);
    if (byte === 0 || byte > 0xff) {
      throw new InternalError(`${field} holds a character that is not one byte, or NUL`);
    }
    bytes[at + i] = byte;
  }
}

function within(field: string, value: number, limit: number): number {
  if (!Number.isInteger(value) || value < 0 || value > limit) {
    throw new InternalError(`${field} ${value} does not fit`);
  }
  return value;
}
