import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { ConfigError } from "../lib/errors.ts";
import { formatSubnet, type Ip4, parseIp4, prefixLengthOf, subnetOf } from "../lib/ip4.ts";
import type { Subnet } from "../lib/ip4.ts";
import { type InterfaceKind, readKind } from "./interface-kind.ts";

/** An IPv4 address of an interface, with the network that it lies in. */
export interface InterfaceAddress {
  readonly address: Ip4;
  readonly subnet: Subnet;
}

/** What is known of a network interface of this host. */
export interface NetworkInterface {
  readonly name: string;
  /** The kernel's number for it: a device that was removed and created again has another one. Null where unknown. */
  readonly index: number | null;
  /** IPv4 only, in the kernel's order; empty while the interface is down or has no carrier. */
  readonly addresses: readonly InterfaceAddress[];
  /** Switched on, whether or not a cable is in. */
  readonly up: boolean;
  /** False while no cable is in, or the other end is switched off. */
  readonly carrier: boolean;
  readonly loopback: boolean;
  /** Can carry broadcasts; tunnels and point-to-point links cannot, and so carry no DHCP. */
  readonly broadcast: boolean;
  readonly kind: InterfaceKind;
}

/** An interface that can be served, with the address that is ours on it. */
export interface UsableInterface extends InterfaceAddress {
  readonly name: string;
}

/** Whether an interface can be served now; the reason says what is missing and what to do. */
export type Usability =
  | { readonly kind: "usable"; readonly found: UsableInterface }
  | { readonly kind: "unusable"; readonly reason: string };

/** What the kernel says of an interface apart from its addresses. */
export interface InterfaceFacts {
  readonly index: number | null;
  readonly carrier: boolean;
  /** The bits of `netdevice(7)`. */
  readonly flags: number;
  readonly kind: InterfaceKind;
}

/** The part of `os.networkInterfaces()` that is read here. */
export type ListedAddresses = Readonly<
  Record<string, readonly { family: string; address: string; netmask: string }[] | undefined>
>;

const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const CLASS_NET = "/sys/class/net";

/** The interfaces of this host, by name. */
export function readInterfaces(): NetworkInterface[] {
  return joinInterfaces(networkInterfaces(), readFacts(CLASS_NET));
}

/**
 * Those of these names that this host has: for what is read every few seconds, as a host of
 * containers has interfaces by the hundred.
 */
export function readInterfacesNamed(names: readonly string[]): NetworkInterface[] {
  const all = joinInterfaces(networkInterfaces(), readFacts(CLASS_NET, names));
  return all.filter(({ name }) => names.includes(name));
}

/** Whether this host has the address now, of IPv4 or IPv6; all of 127.0.0.0/8 is its own. */
export function isOwnAddress(address: string): boolean {
  if (address === "::1" || (parseIp4(address) !== null && address.startsWith("127."))) return true;
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.some((own) => own.address === address);
}

/** What a folder such as `/sys/class/net` says of each interface, or of those that are named. */
export function readFacts(
  folder: string,
  names: readonly string[] = orElse([], () => readdirSync(folder)),
): Map<string, InterfaceFacts> {
  const facts = new Map<string, InterfaceFacts>();
  for (const name of names) {
    const read = (file: string) =>
      orElse(null, () => readFileSync(`${folder}/${name}/${file}`, "utf8").trim());
    // Interfaces come and go with containers; and a bonding driver keeps plain files here as well.
    const flags = read("flags");
    if (flags === null) continue;
    const index = read("ifindex");
    facts.set(name, {
      index: index === null ? null : Number(index),
      flags: Number(flags),
      // An interface that is switched off does not let this be read.
      carrier: read("carrier") !== "0",
      kind: readKind(folder, name),
    });
  }
  return facts;
}

/** The MTU of an interface in bytes as it is now; null when unknown. */
export function readMtu(name: string, folder = CLASS_NET): number | null {
  const text = orElse("", () => readFileSync(`${folder}/${name}/mtu`, "utf8")).trim();
  return /^[0-9]+$/.test(text) ? Number(text) : null;
}

function orElse<Value>(fallback: Value, read: () => Value): Value {
  try {
    return read();
  } catch {
    return fallback;
  }
}

/** Pure part of `readInterfaces`. An interface without facts (no `/sys`) is judged by its addresses. */
export function joinInterfaces(
  listed: ListedAddresses,
  facts: ReadonlyMap<string, InterfaceFacts>,
): NetworkInterface[] {
  const addresses = new Map<string, InterfaceAddress[]>();
  for (const [label, entries] of Object.entries(listed)) {
    // Addresses added with a label (`eth0:1`) belong to the interface before the colon.
    const name = label.split(":")[0] ?? label;
    const own = addresses.get(name) ?? [];
    addresses.set(name, own);
    for (const entry of entries ?? []) {
      const address = entry.family === "IPv4" ? parseIp4(entry.address) : null;
      const prefixLength = prefixLengthOf(entry.netmask);
      if (address === null || prefixLength === null) continue;
      own.push({ address, subnet: subnetOf(address, prefixLength) });
    }
  }
  const names = new Set([...facts.keys(), ...addresses.keys()]);
  return [...names].toSorted().map((name) => {
    const own = addresses.get(name) ?? [];
    const loopback = own.some(({ address }) => address.startsWith("127."));
    const known = facts.get(name);
    return {
      name,
      index: known?.index ?? null,
      addresses: own,
      carrier: known?.carrier ?? true,
      up: known === undefined ? true : (known.flags & IFF_UP) !== 0,
      loopback: known === undefined ? loopback : (known.flags & IFF_LOOPBACK) !== 0,
      broadcast: known === undefined ? !loopback : (known.flags & IFF_BROADCAST) !== 0,
      kind: known?.kind ?? "virtual",
    };
  });
}

function unusable(reason: string): Usability {
  return { kind: "unusable", reason };
}

/** The interface of this name, with its first IPv4 address or, when `address` is given, with that one. */
export function usability(
  all: readonly NetworkInterface[],
  name: string,
  address: Ip4 | null = null,
): Usability {
  const there = all.find((one) => one.name === name);
  if (there === undefined) return unusable(`there is no network interface ${name}`);
  if (!there.up) {
    return unusable(`network interface ${name} is down; switch it on: ip link set ${name} up`);
  }
  const own =
    address === null
      ? there.addresses[0]
      : there.addresses.find((candidate) => candidate.address === address);
  if (own !== undefined) return { kind: "usable", found: { name, ...own } };
  if (there.addresses.length === 0) {
    return unusable(
      `network interface ${name} has no IPv4 address, or no link (cable, switch port); ` +
        `give it a fixed one: ip addr add ADDRESS/PREFIX dev ${name}`,
    );
  }
  const others = there.addresses.map((one) => one.address).join(", ");
  return unusable(
    `network interface ${name} does not have the address ${address ?? ""}; it has ${others}`,
  );
}

/** Why the interface cannot be served now, with what this host has instead; null when it can. */
export function interfaceProblem(
  all: readonly NetworkInterface[],
  name: string,
  address: Ip4 | null,
): string | null {
  const judged = usability(all, name, address);
  if (judged.kind === "usable") return null;
  const there = all.some((one) => one.name === name);
  return there ? judged.reason : `${judged.reason}; this host has ${listing(all)}`;
}

/**
 * The interface that the configuration names, as `usability` finds it.
 *
 * @throws {ConfigError} that says what to do when there is no such interface or address.
 */
export function interfaceNamed(
  all: readonly NetworkInterface[],
  name: string,
  address: Ip4 | null = null,
): UsableInterface {
  const judged = usability(all, name, address);
  if (judged.kind === "usable") return judged.found;
  throw new ConfigError([interfaceProblem(all, name, address) ?? judged.reason]);
}

/** The interfaces for people, with their addresses; loopback left out. */
export function listing(all: readonly NetworkInterface[]): string {
  const shown = all.filter((one) => !one.loopback).map(describe);
  return shown.length === 0 ? "none but loopback" : shown.join(", ");
}

function describe(one: NetworkInterface): string {
  const [first] = one.addresses;
  if (!one.up) return `${one.name} (down)`;
  if (first === undefined) return `${one.name} (no IPv4 address)`;
  return `${one.name} (${first.address} in ${formatSubnet(first.subnet)})`;
}
