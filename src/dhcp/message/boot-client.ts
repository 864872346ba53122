import { RASPBERRY_PI } from "../../boot/architecture.ts";
import type { BootClient } from "../../boot/client.ts";
import { readU16, toText } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { type Mac, macFromBytes } from "../../lib/mac.ts";
import { readMachineUuid } from "../wire/machine-uuid.ts";
import { readSubOptions } from "../wire/sub-options.ts";
import { readUserClasses } from "../wire/user-class.ts";

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

/** Whether a datagram that cannot be decoded is a network boot client's, by the words of option 60. */
export function saysBootClient(datagram: Uint8Array): boolean {
  return /PXEClient|HTTPClient/.test(toText(datagram));
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
