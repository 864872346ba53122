import { existsSync, readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { ConfigError } from "../lib/errors.ts";
import { formatSubnet, type Ip4, parseIp4, prefixLengthOf, subnetOf } from "../lib/ip4.ts";
import type { Subnet } from "../lib/ip4.ts";

/** An IPv4 address of an interface, with the network that it lies in. */
export interface InterfaceAddress {
  readonly address: Ip4;
  readonly subnet: Subnet;
}

/** What is known of a network interface of this host. */
export interface NetworkInterface {
  readonly name: string;
  /** IPv4 only, in the kernel's order; empty while the interface is down or has no link. */
  readonly addresses: readonly InterfaceAddress[];
  /** Switched on, whether or not a cable is in. */
  readonly up: boolean;
  readonly loopback: boolean;
  /** Can carry broadcasts; tunnels and point-to-point links cannot, and so carry no DHCP. */
  readonly broadcast: boolean;
  /** A piece of hardware, unlike the bridges and pairs that containers and virtual machines bring. */
  readonly hardware: boolean;
}

/** An interface that can be served, with the address that is ours on it. */
export interface UsableInterface extends InterfaceAddress {
  readonly name: string;
}

/** What the kernel says of an interface apart from its addresses. */
export interface InterfaceFacts {
  /** The bits of `netdevice(7)`. */
  readonly flags: number;
  readonly hardware: boolean;
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

/** What a folder such as `/sys/class/net` says of each interface. */
export function readFacts(folder: string): Map<string, InterfaceFacts> {
  const facts = new Map<string, InterfaceFacts>();
  for (const name of orElse([], () => readdirSync(folder))) {
    // Interfaces come and go with containers; and a bonding driver keeps plain files here as well.
    const flags = orElse(null, () => readFileSync(`${folder}/${name}/flags`, "utf8"));
    if (flags === null) continue;
    facts.set(name, {
      flags: Number(flags.trim()),
      hardware: existsSync(`${folder}/${name}/device`),
    });
  }
  return facts;
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
      addresses: own,
      up: known === undefined ? true : (known.flags & IFF_UP) !== 0,
      loopback: known === undefined ? loopback : (known.flags & IFF_LOOPBACK) !== 0,
      broadcast: known === undefined ? !loopback : (known.flags & IFF_BROADCAST) !== 0,
      hardware: known?.hardware ?? false,
    };
  });
}

/**
 * The interface that the configuration names, with its first IPv4 address or, when `address` is
 * given, with that one.
 *
 * @throws {ConfigError} that says what to do when there is no such interface or address.
 */
export function interfaceNamed(
  all: readonly NetworkInterface[],
  name: string,
  address: Ip4 | null = null,
): UsableInterface {
  const found = all.find((one) => one.name === name);
  if (found === undefined) {
    throw new ConfigError([`there is no network interface ${name}; this host has ${listing(all)}`]);
  }
  if (!found.up) {
    throw new ConfigError([
      `network interface ${name} is down; switch it on: ip link set ${name} up`,
    ]);
  }
  const own =
    address === null
      ? found.addresses[0]
      : found.addresses.find((candidate) => candidate.address === address);
  if (own !== undefined) return { name, ...own };
  if (found.addresses.length === 0) {
    throw new ConfigError([
      `network interface ${name} has no IPv4 address, or no link (cable, switch port); ` +
        `give it a fixed one: ip addr add ADDRESS/PREFIX dev ${name}`,
    ]);
  }
  throw new ConfigError([
    `network interface ${name} does not have the address ${address ?? ""}; it has ` +
      found.addresses.map((one) => one.address).join(", "),
  ]);
}

/**
 * The interface to serve when the configuration names none: the only one that is up, has an IPv4
 * address and can carry broadcasts; where there are several, the only one of them that is hardware.
 *
 * @throws {ConfigError} that lists the interfaces when the choice is not clear.
 */
export function soleInterface(all: readonly NetworkInterface[]): UsableInterface {
  const usable = all.filter(
    (one) => one.up && !one.loopback && one.broadcast && one.addresses.length > 0,
  );
  const hardware = usable.filter((one) => one.hardware);
  const chosen = usable.length > 1 && hardware.length === 1 ? hardware : usable;
  const [only, ...others] = chosen;
  const own = only?.addresses[0];
  if (only === undefined || own === undefined) {
    throw new ConfigError([
      `no network interface can be served: none is up with an IPv4 address (this host has ` +
        `${listing(all)}); give one an address, or name the one to serve under interfaces`,
    ]);
  }
  if (others.length > 0) {
    throw new ConfigError([
      `several network interfaces could be served (${listing(usable)}); ` +
        `name the one that machines boot from: interfaces: [{ name: ${only.name} }]`,
    ]);
  }
  return { name: only.name, ...own };
}

function listing(all: readonly NetworkInterface[]): string {
  const shown = all.filter((one) => !one.loopback).map(describe);
  return shown.length === 0 ? "none but loopback" : shown.join(", ");
}

function describe(one: NetworkInterface): string {
  const [first] = one.addresses;
  if (!one.up) return `${one.name} (down)`;
  if (first === undefined) return `${one.name} (no IPv4 address)`;
  return `${one.name} (${first.address} in ${formatSubnet(first.subnet)})`;
}
