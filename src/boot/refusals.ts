import type { Finding } from "../lib/finding.ts";
import { machineDenied } from "./causes.ts";

/*
 * Why a machine that asks to boot by DHCP is not served: one row for each reason. `{names}` stand for what
 * was found. Event `dhcp-refused` and the machine's timeline have these words.
 */

export const machineIgnored = {
  code: "machine-ignored",
  cause: "its node entry says dhcp: false",
  remedy:
    "remove dhcp: false from the entry of {mac} in the nodes file, if it is to boot from here",
  who: "site",
} as const satisfies Finding;

export const noLoaderFits = {
  code: "no-loader-fits",
  cause:
    'no loader fits its architecture: option 93 says {architectures}, option 60 says "{vendorClass}"',
  remedy: "name a loader for it under boot.loaders, or as the loader of its node entry",
  who: "site",
} as const satisfies Finding;

export const unknownVendorClass = {
  code: "unknown-vendor-class",
  cause:
    'it announces an architecture (option 93: {architectures}) and is not known as a network boot client: option 60 says "{vendorClass}"',
  remedy:
    "to have it served as a PXE client, name how its option 60 begins under boot.vendorClasses, and a loader for its option 93 under boot.loaders",
  who: "site",
} as const satisfies Finding;

export const damagedRequest = {
  code: "damaged-request",
  cause: "its DHCP request is damaged: {fault}",
  remedy:
    "update the machine's firmware; if that does not help, send the request (tcpdump -w boot.pcap udp port 67) to the makers of eim-pxe",
  who: "site",
} as const satisfies Finding;

export const addressElsewhere = {
  code: "address-elsewhere",
  cause: "it has the address {address} and asks in the network {network}",
  remedy:
    "have it get an address of this network, or add its own to interfaces[].dhcp.relayed of {interface}",
  who: "site",
} as const satisfies Finding;

export const unansweredMessage = {
  code: "unanswered-message",
  cause: "a {role} has no answer to DHCP message type {type} of {client}",
  remedy:
    "update the machine's firmware; if that does not help, send the request (tcpdump -w boot.pcap udp port 67 or udp port 4011) to the makers of eim-pxe",
  who: "site",
} as const satisfies Finding;

export const noHardwareAddress = {
  code: "no-hardware-address",
  cause: "its DHCP request has no hardware address, and mode full leases addresses by that",
  remedy: "boot the machine by another network card, or serve its link in mode proxy",
  who: "site",
} as const satisfies Finding;

export const networkNotServed = {
  code: "network-not-served",
  cause:
    "the relay agent {relay} forwards requests of the network of {network}, which is not configured on {interface}",
  remedy:
    "add that network to interfaces[].dhcp.relayed of {interface}, with subnet, pools and router; if its machines are not to be served here, take this server out of the relay agent's list (ip helper-address)",
  who: "site",
} as const satisfies Finding;

export const noAddressLeft = {
  code: "no-address-left",
  cause: "no address of {network} is left to lease",
  remedy:
    "enlarge pools, shorten leaseSeconds, or free addresses of machines that are gone or in quarantine (eim-pxe leases; eim-pxe leases release ADDRESS)",
  who: "site",
} as const satisfies Finding;

export const noAddressForMachine = {
  code: "no-address-for-machine",
  cause: "{network} has no pool, and no address is reserved for the machine",
  remedy: "give {mac} an entry with an address in the nodes file, or the network a pool",
  who: "site",
} as const satisfies Finding;

export const reservedAddressInUse = {
  code: "reserved-address-in-use",
  cause: "the address {address} that is reserved for it is in use by another machine",
  remedy:
    "find out who uses it (eim-pxe leases, ip neigh show {address}), and release its lease or correct the reservation",
  who: "site",
} as const satisfies Finding;

export const tooBusy = {
  code: "too-busy",
  cause: "too many requests wait for the disk of this server",
  remedy:
    "look why writing to dataDir is slow (iostat, a failing disk); the machine asks again by itself",
  who: "site",
} as const satisfies Finding;

/** In the compatibilities with SMEE only, as the next one. */
export const passedOverBySmee = {
  code: "passed-over-by-smee",
  cause: "such a machine is not served by SMEE: {fault}",
  remedy:
    "set dhcp.compatibility: standard, which serves machines that SMEE passes over; smee and smee-standalone answer exactly as SMEE does",
  who: "site",
} as const satisfies Finding;

/** In `smee-standalone` only. */
export const incompleteEntry = {
  code: "incomplete-entry",
  cause:
    "its node entry has no address or no netmask, without which smee-standalone does not take it",
  remedy: "give the entry of {mac} in the nodes file both",
  who: "site",
} as const satisfies Finding;

export const answerFailed = {
  code: "answer-failed",
  cause: "its DHCP request could not be answered: {reason}",
  remedy:
    "make room in dataDir if its disk is full; if it is not, send the log to the makers of eim-pxe",
  who: "site",
} as const satisfies Finding;

/** All of them. */
export const refusals = [
  machineDenied,
  machineIgnored,
  noLoaderFits,
  unknownVendorClass,
  damagedRequest,
  unansweredMessage,
  noHardwareAddress,
  networkNotServed,
  noAddressLeft,
  noAddressForMachine,
  reservedAddressInUse,
  addressElsewhere,
  tooBusy,
  passedOverBySmee,
  incompleteEntry,
  answerFailed,
] as const satisfies readonly Finding[];

export type Refusal = (typeof refusals)[number];
export type RefusalCode = Refusal["code"];

/** Those that somebody decided: nothing is wrong with such a machine. */
export function isDenial(code: string): boolean {
  return code === machineDenied.code || code === machineIgnored.code;
}
