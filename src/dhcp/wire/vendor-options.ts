import { concat, fromText, readU16, toText, u16 } from "../../lib/bytes.ts";
import { DecodeError } from "../../lib/errors.ts";
import { type Ip4, ip4FromBytes, ip4ToBytes } from "../../lib/ip4.ts";
import { buildSubOptions, type Framing, readSubOptions, type SubOption } from "./sub-options.ts";

/*
 * Options that hold options: 43 for PXE clients (PXE 2.1, table 2-1), 82 (RFC 3046) and iPXE's 175.
 * Readers give a value or throw a DecodeError of layer "dhcp-option"; absent fields are null or empty.
 */

export { buildSubOptions, type Framing, readSubOptions, type SubOption };

/** 43.8: the boot servers of one type. */
export interface PxeBootServers {
  readonly type: number;
  readonly addresses: readonly Ip4[];
}

/** 43.9: one line of the boot menu; `text` is ASCII. */
export interface PxeMenuItem {
  readonly type: number;
  readonly text: string;
}

/** 43.10: 0 takes the first item at once, 255 waits for ever. */
export interface PxeMenuPrompt {
  readonly timeoutSeconds: number;
  readonly text: string;
}

/** 43.71: what a client asks a boot server for; bit 15 of `layer` asks for credentials. */
export interface PxeBootItem {
  readonly type: number;
  readonly layer: number;
}

/** Option 43 as PXE clients and servers use it. */
export interface PxeVendorOptions {
  /** 43.6: bit 0 no broadcast, 1 no multicast, 2 only listed servers, 3 just load the offer's file. */
  readonly discoveryControl: number | null;
  readonly bootServers: readonly PxeBootServers[];
  readonly bootMenu: readonly PxeMenuItem[];
  readonly menuPrompt: PxeMenuPrompt | null;
  readonly bootItem: PxeBootItem | null;
  /** 43.69, of SMEE's making: the trace that the boot belongs to, in 26 bytes. */
  readonly traceparent: Uint8Array | null;
}

/** Sub-options of one length, by code, with that length. */
const pxeLengths: ReadonlyMap<number, number> = new Map([
  [6, 1],
  [71, 4],
]);

export function readPxeVendorOptions(value: Uint8Array): PxeVendorOptions {
  const found = readSubOptions(value, "vendor", pxeLengths);
  return {
    discoveryControl: ofLength(found, 6, pxeLengths)?.[0] ?? null,
    bootServers: readBootServers(found.get(8)),
    bootMenu: readBootMenu(found.get(9)),
    menuPrompt: readMenuPrompt(found.get(10)),
    bootItem: readBootItem(ofLength(found, 71, pxeLengths)),
    traceparent: found.get(69)?.length === 26 ? (found.get(69) ?? null) : null,
  };
}

/** Option 43 for a PXE client, with End, which some firmware misses when it is not there. */
export function pxeVendorOptions(options: Partial<PxeVendorOptions>): Uint8Array {
  const {
    discoveryControl,
    bootServers = [],
    bootMenu = [],
    menuPrompt,
    bootItem,
    traceparent,
  } = options;
  const parts: SubOption[] = [];
  if (isGiven(discoveryControl)) parts.push([6, Uint8Array.of(discoveryControl)]);
  if (bootServers.length > 0) parts.push([8, concat(bootServers.map(buildBootServers))]);
  if (bootMenu.length > 0) parts.push([9, concat(bootMenu.map(buildMenuItem))]);
  if (isGiven(menuPrompt)) {
    const { timeoutSeconds, text } = menuPrompt;
    parts.push([10, concat([Uint8Array.of(timeoutSeconds), fromText(text)])]);
  }
  if (isGiven(traceparent)) parts.push([69, traceparent]);
  if (isGiven(bootItem)) parts.push([71, concat([u16(bootItem.type), u16(bootItem.layer)])]);
  return concat([buildSubOptions(parts), Uint8Array.of(255)]);
}

function readBootServers(value: Uint8Array = new Uint8Array()): readonly PxeBootServers[] {
  const servers: PxeBootServers[] = [];
  for (let at = 0; at < value.length;) {
    const count = value[at + 2];
    if (count === undefined || at + 3 + count * 4 > value.length) {
      throw new DecodeError("dhcp-option", at, "the list of boot servers (43.8) is cut short");
    }
    const first = at + 3;
    const addresses = Array.from({ length: count }, (_, i) => ip4FromBytes(value, first + i * 4));
    servers.push({ type: readU16(value, at), addresses });
    at = first + count * 4;
  }
  return servers;
}

function buildBootServers({ type, addresses }: PxeBootServers): Uint8Array {
  return concat([u16(type), Uint8Array.of(addresses.length), ...addresses.map(ip4ToBytes)]);
}

function readBootMenu(value: Uint8Array = new Uint8Array()): readonly PxeMenuItem[] {
  const items: PxeMenuItem[] = [];
  for (let at = 0; at < value.length;) {
    const length = value[at + 2];
    if (length === undefined || at + 3 + length > value.length) {
      throw new DecodeError("dhcp-option", at, "the boot menu (43.9) is cut short");
    }
    const text = toText(value.subarray(at + 3, at + 3 + length));
    items.push({ type: readU16(value, at), text });
    at += 3 + length;
  }
  return items;
}

function buildMenuItem({ type, text }: PxeMenuItem): Uint8Array {
  const bytes = fromText(text);
  return concat([u16(type), Uint8Array.of(bytes.length), bytes]);
}

function readMenuPrompt(value: Uint8Array | undefined): PxeMenuPrompt | null {
  if (value === undefined) return null;
  const timeoutSeconds = value[0];
  if (timeoutSeconds === undefined) {
    throw new DecodeError("dhcp-option", 0, "the menu prompt (43.10) is empty");
  }
  return { timeoutSeconds, text: toText(value.subarray(1)) };
}

function readBootItem(value: Uint8Array | null): PxeBootItem | null {
  return value === null ? null : { type: readU16(value, 0), layer: readU16(value, 2) };
}

/** Option 82, relay agent information. */
export interface RelayInformation {
  /** 82.1 (RFC 3046 3.1): the port that the request came in on, in the relay's own words. */
  readonly circuitId: Uint8Array | null;
  /** 82.2 (RFC 3046 3.2): who is at the far end, in the relay's own words. */
  readonly remoteId: Uint8Array | null;
  /** 82.5 (RFC 3527): an address on the link where the client is, when `giaddr` is not. */
  readonly linkSelection: Ip4 | null;
  /** 82.11 (RFC 5107): what the client is to see as server identifier. */
  readonly serverIdOverride: Ip4 | null;
}

const relayLengths: ReadonlyMap<number, number> = new Map([
  [5, 4],
  [11, 4],
]);

export function readRelayInformation(value: Uint8Array): RelayInformation {
  const found = readSubOptions(value, "relay", relayLengths);
  return {
    circuitId: found.get(1) ?? null,
    remoteId: found.get(2) ?? null,
    linkSelection: readAddress(ofLength(found, 5, relayLengths)),
    serverIdOverride: readAddress(ofLength(found, 11, relayLengths)),
  };
}

/** Option 82 as a relay agent writes it. */
export function relayInformation(options: Partial<RelayInformation>): Uint8Array {
  const { circuitId, remoteId, linkSelection, serverIdOverride } = options;
  const parts: SubOption[] = [];
  if (isGiven(circuitId)) parts.push([1, circuitId]);
  if (isGiven(remoteId)) parts.push([2, remoteId]);
  if (isGiven(linkSelection)) parts.push([5, ip4ToBytes(linkSelection)]);
  if (isGiven(serverIdOverride)) parts.push([11, ip4ToBytes(serverIdOverride)]);
  return buildSubOptions(parts);
}

function readAddress(value: Uint8Array | null): Ip4 | null {
  return value === null ? null : ip4FromBytes(value);
}

/** What an iPXE was built with, by its feature code in option 175. Source: ipxe.org/howto/dhcpd. */
export const ipxeFeatures = {
  pxeext: 16,
  iscsi: 17,
  aoe: 18,
  http: 19,
  https: 20,
  tftp: 21,
  ftp: 22,
  dns: 23,
  bzimage: 24,
  multiboot: 25,
  slam: 26,
  srp: 27,
  nbi: 32,
  pxe: 33,
  elf: 34,
  comboot: 35,
  efi: 36,
  fcoe: 37,
  vlan: 38,
  menu: 39,
  sdi: 40,
  nfs: 41,
} as const;

export type IpxeFeature = keyof typeof ipxeFeatures;

/** Option 175 as iPXE sends it (`features`, `version`) and as it understands it (`noPxeDhcp`). */
export interface IpxeOptions {
  readonly features: readonly IpxeFeature[];
  /** 175.235, e.g. `1.21.1`. */
  readonly version: string | null;
  /** 175.176: do not wait for a proxy's offer. */
  readonly noPxeDhcp: boolean | null;
}

const ipxeLengths: ReadonlyMap<number, number> = new Map([
  [176, 1],
  [235, 3],
]);

export function readIpxeOptions(value: Uint8Array): IpxeOptions {
  const found = readSubOptions(value, "vendor", ipxeLengths);
  const noPxeDhcp = ofLength(found, 176, ipxeLengths)?.[0];
  return {
    features: ipxeFeatureNames.filter((name) => (found.get(ipxeFeatures[name])?.[0] ?? 0) !== 0),
    version: ofLength(found, 235, ipxeLengths)?.join(".") ?? null,
    noPxeDhcp: noPxeDhcp === undefined ? null : noPxeDhcp !== 0,
  };
}

const ipxeFeatureNames = Object.keys(ipxeFeatures).filter(isIpxeFeature);

function isIpxeFeature(name: string): name is IpxeFeature {
  return name in ipxeFeatures;
}

/** Option 175 for iPXE. */
export function ipxeOptions(options: Pick<IpxeOptions, "noPxeDhcp">): Uint8Array {
  if (options.noPxeDhcp === null) return new Uint8Array();
  return buildSubOptions([[176, Uint8Array.of(options.noPxeDhcp ? 1 : 0)]]);
}

/** The sub-option when it is there; a DecodeError when it has not the length that it must have. */
function ofLength(
  found: ReadonlyMap<number, Uint8Array>,
  code: number,
  lengths: ReadonlyMap<number, number>,
): Uint8Array | null {
  const value = found.get(code);
  if (value === undefined) return null;
  const length = lengths.get(code);
  if (value.length === length) return value;
  throw new DecodeError("dhcp-option", 0, `sub-option ${code} is not ${length} bytes long`);
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
