import { RASPBERRY_PI } from "../../boot/architecture.ts";
import type { BootClient } from "../../boot/client.ts";
import { isRaspberryPi } from "../../boot/identity/raspberry-pi.ts";
import { readU16, toText } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { macFromBytes } from "../../lib/mac.ts";
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
  /** Option 97, client machine identifier. */
  readonly machineId: Uint8Array | null;
  /** Option 175, iPXE encapsulated options. */
  readonly ipxeOptions: Uint8Array | null;
}

const PXE = "PXEClient";
const HTTP = "HTTPClient";

/** Features of iPXE, as sub-options of 175. */
const IPXE_HTTP = 19;
const IPXE_HTTPS = 20;

/**
 * Reads the facts of a machine from its request. Total: whoever says PXEClient or HTTPClient wants to boot,
 * and what is missing or damaged beside that reads as absent.
 *
 * @param vendorClasses beginnings of option 60 that are taken for a PXE client's besides `PXEClient`
 */
export function bootClient(facts: BootFacts, vendorClasses: readonly string[] = []): BootClient {
  const mac = macFromBytes(facts.hardwareAddress);
  const vendorClass = facts.vendorClass === null ? "" : toText(facts.vendorClass);
  const bootClass = vendorClass === "" ? null : bootClassOf(vendorClass, vendorClasses);
  const http = bootClass === HTTP;
  return {
    mac,
    uuid: readMachineUuid(facts.machineId),
    transport: bootClass === null ? null : http ? "http" : "pxe",
    vendorClass,
    bootClass,
    architectures: isRaspberryPi(mac)
      ? [RASPBERRY_PI]
      : readArchitectures(facts.architectures, vendorClass),
    userClasses: facts.userClass === null ? [] : readUserClasses(facts.userClass),
    ipxe: facts.ipxeOptions !== null && facts.ipxeOptions.length > 0,
    lacksHttp: lacksFeatures(facts.ipxeOptions, [IPXE_HTTP, IPXE_HTTPS]),
    lacksHttps: lacksFeatures(facts.ipxeOptions, [IPXE_HTTPS]),
    unknownClass: facts.architectures !== null && bootClass === null,
  };
}

function bootClassOf(vendorClass: string, vendorClasses: readonly string[]): string | null {
  return [PXE, HTTP, ...vendorClasses].find((begin) => vendorClass.startsWith(begin)) ?? null;
}

/** Whether a datagram that cannot be decoded is a network boot client's, by the words of option 60. */
export function saysBootClient(datagram: Uint8Array, vendorClasses: readonly string[]): boolean {
  const text = new TextDecoder("latin1").decode(datagram);
  return [PXE, HTTP, ...vendorClasses].some((begin) => text.includes(begin));
}

/**
 * Option 175 has a sub-option for each feature of an iPXE's build (16 to 47, iPXE src/include/ipxe/features.h).
 * One that tells of none is taken to have all.
 */
function lacksFeatures(ipxeOptions: Uint8Array | null, features: readonly number[]): boolean {
  if (ipxeOptions === null) return false;
  const found = decodedOrNull(() => readSubOptions(ipxeOptions, "vendor"));
  if (found === null) return false;
  const has = (code: number) => (found.get(code)?.[0] ?? 0) !== 0;
  const tells = [...found.keys()].some((code) => code >= 16 && code <= 47);
  return tells && !features.some(has);
}

/**
 * Option 93 is a list of 16-bit numbers (RFC 4578 2.1). Where it is missing, empty or of an odd length, the
 * vendor class says the same (PXE 2.1, table 2-3): `PXEClient:Arch:00007:UNDI:003001`.
 */
function readArchitectures(option: Uint8Array | null, vendorClass: string): readonly number[] {
  const numbers: number[] = [];
  const length = option?.length ?? 0;
  if (option !== null) for (let at = 0; at + 1 < length; at += 2) numbers.push(readU16(option, at));
  if ((length > 0 && length % 2 === 0) || vendorClass === "") return numbers;
  const named = /:Arch:(\d{1,5})(?=:|$)/.exec(vendorClass)?.[1];
  return named === undefined ? numbers : [Number(named)];
}
