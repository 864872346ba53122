import { readU16, toText } from "../../lib/bytes.ts";
import { DecodeError, InternalError } from "../../lib/errors.ts";

/** The error codes of RFC 1350 (0 to 7) and RFC 2347 (8). */
export const ErrorCode = {
  /** Anything else; the message says what. */
  NOT_DEFINED: 0,
  FILE_NOT_FOUND: 1,
  ACCESS_VIOLATION: 2,
  DISK_FULL: 3,
  ILLEGAL_OPERATION: 4,
  UNKNOWN_TRANSFER_ID: 5,
  FILE_EXISTS: 6,
  NO_SUCH_USER: 7,
  OPTION_NEGOTIATION: 8,
} as const;

/**
 * Options by lower-case name, in the order in which they stand in the packet (RFC 2347). The values
 * are text as it was sent: numbers are decimal digits.
 */
export type TftpOptions = ReadonlyMap<string, string>;

/** A request to read (`rrq`) or to write (`wrq`). Strings have one character a byte, so any byte but NUL survives. */
export interface RequestPacket {
  readonly opcode: "rrq" | "wrq";
  /** As the client sent it; see `readRequestedName` for what to make of it. */
  readonly filename: string;
  /** Lower case: `octet`, `netascii` or `mail`, or whatever else a client invents. */
  readonly mode: string;
  readonly options: TftpOptions;
}

export interface DataPacket {
  readonly opcode: "data";
  /** 0 to 65535. */
  readonly block: number;
  readonly data: Uint8Array;
}

export interface AckPacket {
  readonly opcode: "ack";
  /** 0 to 65535. */
  readonly block: number;
}

export interface ErrorPacket {
  readonly opcode: "error";
  /** One of `ErrorCode`, or any other 16-bit number that a client invents. */
  readonly code: number;
  /** For people; one character a byte. */
  readonly message: string;
}

export interface OackPacket {
  readonly opcode: "oack";
  readonly options: TftpOptions;
}

export type TftpPacket = RequestPacket | DataPacket | AckPacket | ErrorPacket | OackPacket;

const RRQ = 1;
const WRQ = 2;
const DATA = 3;
const ACK = 4;
const ERROR = 5;
const OACK = 6;

/**
 * The packet in a datagram's payload. Liberal where clients are known to be sloppy: bytes after an
 * ACK, a missing NUL after an error message, padding and an unfinished pair after the options are
 * ignored. Of an option that is repeated the first one counts (RFC 2347 allows it only once).
 * `data` of a DATA packet is a view into `bytes`, nothing is copied.
 *
 * @throws {DecodeError} with layer "tftp", and nothing else, whatever the bytes are.
 */
export function decodePacket(bytes: Uint8Array): TftpPacket {
  if (bytes.length < 2) throw new DecodeError("tftp", bytes.length, "no opcode");
  const opcode = readU16(bytes, 0);
  switch (opcode) {
    case RRQ:
      return decodeRequest("rrq", bytes);
    case WRQ:
      return decodeRequest("wrq", bytes);
    case DATA:
      return { opcode: "data", block: decodeNumber(bytes), data: bytes.subarray(4) };
    case ACK:
      return { opcode: "ack", block: decodeNumber(bytes) };
    case ERROR:
      return { opcode: "error", code: decodeNumber(bytes), message: toText(bytes.subarray(4)) };
    case OACK:
      return { opcode: "oack", options: decodeOptions(bytes, 2) };
    default:
      throw new DecodeError("tftp", 0, `opcode ${opcode} is unknown`);
  }
}

/**
 * The payload of a datagram; the opposite of `decodePacket`.
 *
 * @throws {InternalError} for what no packet can carry: a number beyond 16 bits, a string with a NUL
 *   or a character above U+00FF, an option without a name.
 */
export function encodePacket(packet: TftpPacket): Uint8Array {
  switch (packet.opcode) {
    case "rrq":
    case "wrq":
      return encodeStrings(packet.opcode === "rrq" ? RRQ : WRQ, [
        packet.filename,
        packet.mode,
        ...optionStrings(packet.options),
      ]);
    case "data": {
      const bytes = new Uint8Array(4 + packet.data.length);
      writeData(bytes, packet);
      return bytes;
    }
    case "ack": {
      const bytes = new Uint8Array(4);
      writeU16(bytes, 0, ACK);
      writeU16(bytes, 2, packet.block);
      return bytes;
    }
    case "error": {
      const bytes = new Uint8Array(4 + packet.message.length + 1);
      writeU16(bytes, 0, ERROR);
      writeU16(bytes, 2, packet.code);
      writeString(bytes, 4, packet.message);
      return bytes;
    }
    case "oack":
      return encodeStrings(OACK, optionStrings(packet.options));
  }
}

/** Encodes a DATA packet into a buffer of exactly its length. */
export function writeData(bytes: Uint8Array, { block, data }: DataPacket): void {
  writeU16(bytes, 0, DATA);
  writeU16(bytes, 2, block);
  bytes.set(data, 4);
}

export function errorPacket(code: number, message: string): ErrorPacket {
  return { opcode: "error", code, message };
}

/** Block number or error code: the 16 bits behind the opcode. */
function decodeNumber(bytes: Uint8Array): number {
  if (bytes.length < 4) throw new DecodeError("tftp", bytes.length, "the packet ends too early");
  return readU16(bytes, 2);
}

function decodeRequest(opcode: "rrq" | "wrq", bytes: Uint8Array): RequestPacket {
  const filenameEnd = bytes.indexOf(0, 2);
  if (filenameEnd === -1) throw new DecodeError("tftp", 2, "the file name has no end");
  const modeEnd = bytes.indexOf(0, filenameEnd + 1);
  if (modeEnd === -1) throw new DecodeError("tftp", filenameEnd + 1, "the mode has no end");
  return {
    opcode,
    filename: toText(bytes.subarray(2, filenameEnd)),
    // RFC 1350 5: the mode may come in any mix of upper and lower case.
    mode: toText(bytes.subarray(filenameEnd + 1, modeEnd)).toLowerCase(),
    options: decodeOptions(bytes, modeEnd + 1),
  };
}

function decodeOptions(bytes: Uint8Array, start: number): TftpOptions {
  const options = new Map<string, string>();
  let at = start;
  while (at < bytes.length) {
    const nameEnd = bytes.indexOf(0, at);
    // An empty name is padding: some ROMs send requests of a fixed length.
    if (nameEnd === -1 || nameEnd === at) break;
    const valueEnd = bytes.indexOf(0, nameEnd + 1);
    if (valueEnd === -1) break;
    // RFC 2347: names are case-insensitive.
    const name = toText(bytes.subarray(at, nameEnd)).toLowerCase();
    if (!options.has(name)) options.set(name, toText(bytes.subarray(nameEnd + 1, valueEnd)));
    at = valueEnd + 1;
  }
  return options;
}

function optionStrings(options: TftpOptions): string[] {
  const strings: string[] = [];
  for (const [name, value] of options) {
    if (name === "") throw new InternalError("a TFTP option needs a name");
    strings.push(name, value);
  }
  return strings;
}

function encodeStrings(opcode: number, strings: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(strings.reduce((sum, text) => sum + text.length + 1, 2));
  writeU16(bytes, 0, opcode);
  let at = 2;
  for (const text of strings) at = writeString(bytes, at, text);
  return bytes;
}

/** Writes one byte a character and leaves room for the NUL behind it; returns where to go on. */
function writeString(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 0xff) {
      throw new InternalError(`character U+${code.toString(16)} does not fit into a TFTP packet`);
    }
    bytes[at + i] = code;
  }
  return at + text.length + 1;
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
    throw new InternalError(`${value} does not fit into 16 bits`);
  }
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}
