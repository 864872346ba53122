import { readU32, u32 } from "./bytes.ts";

/** An IPv4 address in dotted-quad form, canonical: `192.168.77.1`. */
export type Ip4 = string;

export const ANY_ADDRESS: Ip4 = "0.0.0.0";
const DOT = 0x2e;
const ZERO = 0x30;

export const LIMITED_BROADCAST: Ip4 = "255.255.255.255";

export function ip4FromBytes(bytes: Uint8Array, at = 0): Ip4 {
  return ip4FromNumber(readU32(bytes, at));
}

/** The four bytes of an address in canonical form. */
export function ip4ToBytes(address: Ip4): Uint8Array {
  return u32(ip4ToNumber(address));
}

/** The address as an unsigned 32-bit number, for arithmetic. */
export function ip4ToNumber(address: Ip4): number {
  let value = 0;
  let part = 0;
  // Each packet needs this a dozen times: no strings are made for it.
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      value = value * 256 + part;
      part = 0;
    } else {
      part = part * 10 + (code - ZERO);
    }
  }
  return value * 256 + part;
}

/** @param value of 32 bits, with a sign or without */
export function ip4FromNumber(value: number): Ip4 {
  // Of the six addresses in a packet most are none.
  if (value === 0) return ANY_ADDRESS;
  return `${(value >>> 24) & 0xff}.${(value >>> 16) & 0xff}.${(value >>> 8) & 0xff}.${value & 0xff}`;
}

/** The canonical form of a dotted quad, or null when the text is not one. */
export function parseIp4(text: string): Ip4 | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
  }
  return text;
}

/** An IPv4 network: its first address and the length of its prefix in bits. */
export interface Subnet {
  readonly network: Ip4;
  readonly prefixLength: number;
}

/** `192.168.77.0/24`; null when the text is not a prefix or has host bits set. */
export function parseSubnet(text: string): Subnet | null {
  const [address, length, ...rest] = text.split("/");
  if (address === undefined || length === undefined || rest.length > 0) return null;
  const network = parseIp4(address);
  if (network === null || !/^(0|[1-9][0-9]?)$/.test(length) || Number(length) > 32) return null;
  const subnet = subnetOf(network, Number(length));
  return subnet.network === network ? subnet : null;
}

/** A number of its own for each network, the same for equal ones: a key that is made without text. */
export function subnetNumber({ network, prefixLength }: Subnet): number {
  return ip4ToNumber(network) * 64 + prefixLength;
}

function maskNumber(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

export function netmaskOf(subnet: Subnet): Ip4 {
  return ip4FromNumber(maskNumber(subnet.prefixLength));
}

/** The network that `address` is in, given the length of its prefix. */
export function subnetOf(address: Ip4, prefixLength: number): Subnet {
  const network = (ip4ToNumber(address) & maskNumber(prefixLength)) >>> 0;
  return { network: ip4FromNumber(network), prefixLength };
}

export function broadcastOf(subnet: Subnet): Ip4 {
  return ip4FromNumber((ip4ToNumber(subnet.network) | ~maskNumber(subnet.prefixLength)) >>> 0);
}

/** Whether it is the network's broadcast address. */
export function isBroadcastOf(subnet: Subnet, address: Ip4): boolean {
  const hostBits = ~maskNumber(subnet.prefixLength);
  return ((ip4ToNumber(address) ^ (ip4ToNumber(subnet.network) | hostBits)) | 0) === 0;
}

export function subnetContains(subnet: Subnet, address: Ip4): boolean {
  const differing = ip4ToNumber(address) ^ ip4ToNumber(subnet.network);
  return (differing & maskNumber(subnet.prefixLength)) === 0;
}

export function subnetsOverlap(a: Subnet, b: Subnet): boolean {
  return subnetContains(a, b.network) || subnetContains(b, a.network);
}

export function formatSubnet(subnet: Subnet): string {
  return `${subnet.network}/${subnet.prefixLength}`;
}

/** The length of the prefix that a netmask stands for, or null when its bits are not contiguous. */
export function prefixLengthOf(netmask: Ip4): number | null {
  const mask = ip4ToNumber(netmask);
  for (let length = 0; length <= 32; length++) {
    if (maskNumber(length) === mask) return length;
  }
  return null;
}
