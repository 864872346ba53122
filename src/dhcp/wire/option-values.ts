import { readUserClasses } from "./user-class.ts";
import { concat, fromText, printable, readU16, readU32, toHex, u16, u32 } from "../../lib/bytes.ts";
import { decodeDomains, encodeDomains } from "./domain-names.ts";
import { DecodeError, InternalError } from "../../lib/errors.ts";
import { formatSubnet, type Ip4, ip4FromBytes, ip4ToBytes, subnetOf } from "../../lib/ip4.ts";
import { type ClasslessRoute, encodeRoutes } from "./classless-routes.ts";
import { macFromBytes } from "../../lib/mac.ts";
import { MessageType } from "./message-type.ts";

/** Option 61: a hardware type (or 0, or 255 of RFC 4361) and what identifies the client. */
export interface ClientIdentifier {
  readonly hardwareType: number;
  readonly identifier: Uint8Array;
}

/** A destination and its router (33), or an address and its mask (21). */
export type Ip4Pair = readonly [Ip4, Ip4];

/** The value that each type of option has. */
interface Values {
  ip: Ip4;
  ips: readonly Ip4[];
  "ip-pairs": readonly Ip4Pair[];
  u8: number;
  u16: number;
  u16s: readonly number[];
  u32: number;
  i32: number;
  flag: boolean;
  /** UTF-8 on the wire, up to the first NUL (RFC 2132 2: the receiver drops trailing NULs). */
  text: string;
  bytes: Uint8Array;
  /** A number of `MessageType`, or one that is not assigned there. */
  "message-type": number;
  /** Option codes, in order of preference. */
  codes: readonly number[];
  routes: readonly ClasslessRoute[];
  /** Domain names without the final dot. */
  domains: readonly string[];
  /** ASCII. RFC 3004: each class behind its length. Bare text, as iPXE sends it, reads as one class. */
  "user-class": readonly string[];
  "client-id": ClientIdentifier;
}

export type OptionType = keyof Values;

/** A decoded option, tagged with its type: `{ type: "u16", value: 1400 }`. */
export type OptionValue = {
  [Type in OptionType]: { readonly type: Type; readonly value: Values[Type] };
}[OptionType];

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** @throws {DecodeError} with layer "dhcp-option" when the bytes are no value of that type. */
export function decodeValue(type: OptionType, bytes: Uint8Array): OptionValue {
  switch (type) {
    case "ip":
      return { type, value: ip4FromBytes(sized(bytes, 4)) };
    case "ips":
      return { type, value: chunks(bytes, 4, ip4FromBytes) };
    case "ip-pairs":
      return {
        type,
        value: chunks(bytes, 8, (of, at) => [ip4FromBytes(of, at), ip4FromBytes(of, at + 4)]),
      };
    case "u8":
    case "message-type":
      return { type, value: sized(bytes, 1)[0] ?? 0 };
    case "u16":
      return { type, value: readU16(sized(bytes, 2), 0) };
    case "u16s":
      return { type, value: chunks(bytes, 2, readU16) };
    case "u32":
      return { type, value: readU32(sized(bytes, 4), 0) };
    case "i32":
      return { type, value: readU32(sized(bytes, 4), 0) | 0 };
    case "flag":
      return { type, value: readFlag(bytes) };
    case "text":
      return { type, value: readText(bytes) };
    case "bytes":
      return { type, value: concat([bytes]) };
    case "codes":
      return { type, value: Array.from(filled(bytes)) };
    case "routes":
      return { type, value: readRoutes(filled(bytes)) };
    case "domains":
      return { type, value: decodeDomains(filled(bytes)) };
    case "user-class":
      return { type, value: readUserClasses(filled(bytes)) };
    case "client-id":
      return { type, value: readClientId(bytes) };
  }
}

/** @throws {InternalError} when the value does not fit its type; check what people wrote beforehand. */
export function encodeValue(option: OptionValue): Uint8Array {
  switch (option.type) {
    case "ip":
      return ip4ToBytes(option.value);
    case "ips":
      return concat(option.value.map(ip4ToBytes));
    case "ip-pairs":
      return concat(option.value.flat().map(ip4ToBytes));
    case "u8":
    case "message-type":
      return Uint8Array.of(within(option.value, 0, 0xff));
    case "u16":
      return u16(within(option.value, 0, 0xffff));
    case "u16s":
      return concat(option.value.map((number) => u16(within(number, 0, 0xffff))));
    case "u32":
      return u32(within(option.value, 0, 0xffffffff));
    case "i32":
      return u32(within(option.value, -0x80000000, 0x7fffffff));
    case "flag":
      return Uint8Array.of(option.value ? 1 : 0);
    case "text":
      return fromText(option.value);
    case "bytes":
      return option.value;
    case "codes":
      return Uint8Array.from(option.value, (code) => within(code, 0, 0xff));
    case "routes":
      return encodeRoutes(option.value);
    case "domains":
      return encodeDomains(option.value);
    case "user-class":
      return concat(option.value.map(userClassBytes));
    case "client-id":
      return concat([
        Uint8Array.of(within(option.value.hardwareType, 0, 0xff)),
        option.value.identifier,
      ]);
  }
}

/** The value in one line of printable ASCII, for logs and pages. */
export function formatValue(option: OptionValue): string {
  switch (option.type) {
    case "ip":
    case "u8":
    case "u16":
    case "u32":
    case "i32":
    case "flag":
      return String(option.value);
    case "ips":
    case "u16s":
    case "codes":
      return option.value.join(", ");
    case "ip-pairs":
      return option.value.map((pair) => pair.join(" ")).join(", ");
    case "text":
      return printable(option.value, 255);
    case "bytes":
      return toHex(option.value);
    case "message-type":
      return messageTypeName(option.value);
    case "routes":
      return option.value.map((route) => `${formatSubnet(route)} via ${route.via}`).join(", ");
    case "domains":
    case "user-class":
      return option.value.map((text) => printable(text)).join(", ");
    case "client-id":
      return formatClientId(option.value);
  }
}

/** `DISCOVER`, `OFFER`, …; `type 99` for a number without a name. */
export function messageTypeName(messageType: number): string {
  const entry = Object.entries(MessageType).find(([, number]) => number === messageType);
  return entry?.[0] ?? `type ${messageType}`;
}

function fault(offset: number, reason: string): DecodeError {
  return new DecodeError("dhcp-option", offset, reason);
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  throw fault(bytes.length, `the value is not ${length} bytes long`);
}

function filled(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 0) return bytes;
  throw fault(0, "the value is empty");
}

function chunks<T>(
  bytes: Uint8Array,
  size: number,
  read: (bytes: Uint8Array, at: number) => T,
): readonly T[] {
  if (bytes.length === 0 || bytes.length % size !== 0) {
    throw fault(bytes.length, `the value is not one or more times ${size} bytes`);
  }
  return Array.from({ length: bytes.length / size }, (_, i) => read(bytes, i * size));
}

function readFlag(bytes: Uint8Array): boolean {
  const byte = sized(bytes, 1)[0] ?? 0;
  if (byte > 1) throw fault(0, "the flag is neither 0 nor 1");
  return byte === 1;
}

function readText(bytes: Uint8Array): string {
  const nul = filled(bytes).indexOf(0);
  return utf8.decode(nul === -1 ? bytes : bytes.subarray(0, nul));
}

/** RFC 3442: the length of the prefix, its significant octets, the router; again and again. */
function readRoutes(bytes: Uint8Array): readonly ClasslessRoute[] {
  const routes: ClasslessRoute[] = [];
  for (let at = 0; at < bytes.length;) {
    const prefixLength = bytes[at] ?? 0;
    const octets = Math.ceil(prefixLength / 8);
    const end = at + 1 + octets + 4;
    if (prefixLength > 32) throw fault(at, "the prefix is longer than 32 bits");
    if (end > bytes.length) throw fault(at, "the route is cut short");
    const destination = new Uint8Array(4);
    destination.set(bytes.subarray(at + 1, at + 1 + octets));
    // RFC 3442: bits beyond the prefix are not significant.
    const subnet = subnetOf(ip4FromBytes(destination), prefixLength);
    routes.push({ ...subnet, via: ip4FromBytes(bytes, at + 1 + octets) });
    at = end;
  }
  return routes;
}

function userClassBytes(name: string): Uint8Array {
  const bytes = fromText(name);
  return concat([Uint8Array.of(within(bytes.length, 1, 255)), bytes]);
}

/** RFC 2132 9.14: a type and at least one more byte. */
function readClientId(bytes: Uint8Array): ClientIdentifier {
  if (bytes.length < 2) throw fault(bytes.length, "a client identifier has at least 2 bytes");
  return { hardwareType: bytes[0] ?? 0, identifier: concat([bytes.subarray(1)]) };
}

function formatClientId({ hardwareType, identifier }: ClientIdentifier): string {
  const ethernet = hardwareType === 1 && identifier.length === 6;
  return `${hardwareType}/${ethernet ? macFromBytes(identifier) : toHex(identifier)}`;
}

function within(number: number, least: number, most: number): number {
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new InternalError(`${number} is not a whole number from ${least} to ${most}`);
}
