import { readU16, toText } from "../lib/bytes.ts";
import { decodedOrNull } from "../lib/errors.ts";
import { type Mac, macFromBytes } from "../lib/mac.ts";
import { readSubOptions } from "../lib/sub-options.ts";
import { uuidFromBytes } from "../lib/uuid.ts";
import { RASPBERRY_PI } from "./architecture.ts";

/** What a machine said about itself in its DHCP request, as raw option values (absent: null). */
export interface BootFacts {
  readonly hardwareAddress: Uint8Array;
  /** Option 60, vendor class identifier. */
  readonly vendorClass: Uint8Array | null;
  /** Option 77, user class. */
  readonly userClass: Uint8Array | null;
  /** Option 93, client system architecture. */
  readonly architectures: Uint8Array | null;
  /** Option 94, client network interface identifier. */
  readonly networkInterface: Uint8Array | null;
  /** Option 97, client machine identifier. */
  readonly machineId: Uint8Array | null;
  /** Option 175, iPXE encapsulated options. */
  readonly ipxeOptions: Uint8Array | null;
}

/** A booting machine: what its request tells, parsed once. */
export interface BootClient {
  readonly mac: Mac;
  /** SMBIOS UUID in text form, from option 97; null when it was not sent or is no UUID. */
  readonly uuid: string | null;
  /** How it wants its loader, from option 60; null: it is not a network boot client. */
  readonly transport: "pxe" | "http" | null;
  /** Option 60 as text, empty when absent. */
  readonly vendorClass: string;
  /** Option-93 numbers in the order sent; a Raspberry Pi has just 41. Empty when absent or malformed. */
  readonly architectures: readonly number[];
  /** User classes of option 77, raw or RFC 3004-encoded. Empty when absent. */
  readonly userClasses: readonly string[];
  /** It carries iPXE's own option 175. */
  readonly ipxe: boolean;
  /** It says there what it was built with, and HTTP is not among it. */
  readonly lacksHttp: boolean;
  /** What keeps it from being a valid network boot client; empty when it is one. */
  readonly faults: readonly string[];
}

// The Raspberry Pi's boot ROM announces architecture 0 (x86 BIOS); only its vendor prefix tells.
// Source: the IEEE's list of assignments. The last two are of models since 2024, among them Pi 5.
const raspberryPiPrefixes = [
  "b8:27:eb",
  "dc:a6:32",
  "e4:5f:01",
  "28:cd:c1",
  "d8:3a:dd",
  "2c:cf:67",
  "88:a2:9e",
];

/** Features of iPXE, as sub-options of 175. */
const IPXE_HTTP = 19;
const IPXE_HTTPS = 20;

function isRaspberryPi(mac: Mac): boolean {
  return raspberryPiPrefixes.some((prefix) => mac.startsWith(prefix));
}

/** Reads the facts of a machine from its request. Total: malformed values read as absent or as a fault. */
export function bootClient(facts: BootFacts): BootClient {
  const mac = macFromBytes(facts.hardwareAddress);
  const vendorClass = facts.vendorClass === null ? "" : toText(facts.vendorClass);
  return {
    mac,
    uuid: readMachineUuid(facts.machineId),
    transport: readTransport(vendorClass),
    vendorClass,
    architectures: isRaspberryPi(mac) ? [RASPBERRY_PI] : readArchitectures(facts.architectures),
    userClasses: readUserClasses(facts.userClass ?? new Uint8Array()),
    ipxe: facts.ipxeOptions !== null && facts.ipxeOptions.length > 0,
    lacksHttp: readLacksHttp(facts.ipxeOptions),
    faults: readFaults(facts, vendorClass),
  };
}

function readTransport(vendorClass: string): BootClient["transport"] {
  if (vendorClass.startsWith("HTTPClient")) return "http";
  if (vendorClass.startsWith("PXEClient")) return "pxe";
  return null;
}

/**
 * Option 175 has a sub-option for each feature of an iPXE's build (16 to 47, iPXE src/include/ipxe/features.h).
 * One that tells of none is taken to have all.
 */
function readLacksHttp(ipxeOptions: Uint8Array | null): boolean {
  if (ipxeOptions === null) return false;
  const found = decodedOrNull(() => readSubOptions(ipxeOptions, "vendor"));
  if (found === null) return false;
  const has = (code: number) => (found.get(code)?.[0] ?? 0) !== 0;
  const tells = [...found.keys()].some((code) => code >= 16 && code <= 47);
  return tells && !has(IPXE_HTTP) && !has(IPXE_HTTPS);
}

/** Option 93 is a list of 16-bit numbers (RFC 4578 2.1); an odd length is no list. */
function readArchitectures(value: Uint8Array | null): readonly number[] {
  if (value === null || value.length % 2 !== 0) return [];
  const numbers: number[] = [];
  for (let at = 0; at < value.length; at += 2) numbers.push(readU16(value, at));
  return numbers;
}

/**
 * The classes in option 77. iPXE sends its class as bare text, RFC 3004 wants each one behind its
 * length. A value is RFC 3004 when its lengths add up exactly; otherwise all of it is one class.
 */
export function readUserClasses(value: Uint8Array): readonly string[] {
  const classes: string[] = [];
  for (let at = 0; at < value.length;) {
    const length = value[at] ?? 0;
    if (length === 0 || at + 1 + length > value.length) return [toText(value)];
    classes.push(toText(value.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes;
}

/**
 * Option 97 is a type byte 0 and a UUID in EFI's form (RFC 4578 2.3). EDK2 and iPXE send it so: what
 * is read is the UUID that `dmidecode` and iPXE's `${uuid}` show.
 */
export function readMachineUuid(value: Uint8Array | null): string | null {
  if (value === null || value.length !== 17 || value[0] !== 0) return null;
  return uuidFromBytes(value.subarray(1));
}

/** What a network boot client must carry. Source: SMEE's test, which machines in the field pass. */
function readFaults(facts: BootFacts, vendorClass: string): readonly string[] {
  const faults: string[] = [];
  if (readTransport(vendorClass) === null) {
    faults.push("option 60 does not begin with PXEClient or HTTPClient");
  }
  if (facts.architectures === null) faults.push("option 93 is missing");
  if (facts.networkInterface === null) faults.push("option 94 is missing");
  const id = facts.machineId;
  if (id !== null && id.length !== 0 && (id.length !== 17 || id[0] !== 0)) {
    faults.push("option 97 is not a UUID");
  }
  return faults;
}
