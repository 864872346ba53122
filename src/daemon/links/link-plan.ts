import {
  type Config,
  type LinkConfig,
  type NetworkConfig,
  splitTftpServer,
} from "../../config/schema.ts";
import {
  type Addresses,
  advertisedAddress,
  type FullSettings,
  type Link,
  type RelayedNetwork,
} from "../../dhcp/link.ts";
import { takesUsualSyslog } from "../settings/boot-settings.ts";
import { withoutRanges } from "../../dhcp/leases/pool.ts";
import { ConfigError } from "../../lib/errors.ts";
import { formatSubnet, type Ip4, parseSubnet, subnetOf, subnetsOverlap } from "../../lib/ip4.ts";
import {
  interfaceNamed,
  interfaceProblem,
  type NetworkInterface,
  type UsableInterface,
} from "../../net/interfaces.ts";
import { chooseInterface } from "../../net/interface-choice.ts";

/** A link that is served: TFTP and HTTP always, DHCP unless its mode is off. */
export interface ServedLink {
  readonly interface: string;
  readonly address: string;
  /** What machines are told instead; null: the address itself. */
  readonly advertised: Ip4 | null;
  readonly dhcp: Link | null;
}

/** A link that is to be served whenever its interface can be. */
export interface WantedLink {
  /** The network device, e.g. `eth1`; no two links have the same. */
  readonly interface: string;
  /** Ours on it; null: the interface's first. */
  readonly address: Ip4 | null;
  readonly mode: LinkConfig["dhcp"]["mode"];
  /**
   * What it is with the address and the network that the interface has.
   *
   * @throws ConfigError when the configuration does not go with these
   */
  servedAs(found: UsableInterface): ServedLink;
}

/**
 * The links of the configuration; with none configured, the interface that `chooseInterface` finds now, in
 * mode proxy, from now on by its name.
 *
 * @throws ConfigError when none of them can be served and none only waits for its cable or an address, so
 *   that a wrong name or address is noticed at once; or when the configuration does not go with what an
 *   interface has
 */
export function wantedLinks(
  config: Config,
  interfaces: readonly NetworkInterface[],
): readonly WantedLink[] {
  if (config.interfaces.length === 0) return [soleLink(chooseInterface(interfaces), config)];
  const links = config.interfaces.map((link) => configuredLink(link, config));
  const problems = links.flatMap((link) => {
    const { interface: name, address } = link;
    const problem = interfaceProblem(interfaces, name, address);
    if (problem === null) link.servedAs(interfaceNamed(interfaces, name, address));
    return problem ?? [];
  });
  const waiting = interfaces.filter(({ up, addresses }) => !up || addresses.length === 0);
  const awaited = new Set(waiting.map(({ name }) => name));
  if (problems.length === links.length && !links.some((link) => awaited.has(link.interface))) {
    throw new ConfigError(problems);
  }
  return links;
}

/**
 * The links of the configuration, for thinking about packets only: see `withAssumed`.
 *
 * @throws ConfigError when an interface that has no `address` is not there
 */
export function configuredLinks(
  config: Config,
  interfaces: readonly NetworkInterface[],
): readonly ServedLink[] {
  const all = withAssumed(config, interfaces);
  return wantedLinks(config, all).map((link) =>
    link.servedAs(interfaceNamed(all, link.interface, link.address)),
  );
}

/**
 * These interfaces, and those that the configuration describes by an `address` and that need not
 * exist. Where neither gives the network, it is taken to have 24 bits.
 */
export function withAssumed(
  config: Config,
  interfaces: readonly NetworkInterface[],
): readonly NetworkInterface[] {
  const assumed = config.interfaces.flatMap(({ name, address }): NetworkInterface[] => {
    const there = interfaces.some((one) => one.addresses.some((own) => own.address === address));
    if (address === null || there) return [];
    const addresses = [{ address, subnet: subnetOf(address, 24) }];
    const facts = { up: true, carrier: true, loopback: false, broadcast: true };
    return [{ name, index: null, addresses, kind: "virtual", ...facts }];
  });
  const names = new Set(assumed.map(({ name }) => name));
  return [...interfaces.filter(({ name }) => !names.has(name)), ...assumed];
}

/** Who serves loaders by TFTP in our place; null: we do. */
export function tftpServerOf({ tftp: { advertise } }: Config): Ip4 | null {
  return advertise === null ? null : (splitTftpServer(advertise)?.address ?? null);
}

function soleLink(name: string, config: Config): WantedLink {
  return {
    interface: name,
    address: null,
    mode: "proxy",
    servedAs: ({ address, subnet }) => ({
      interface: name,
      address,
      advertised: null,
      dhcp: {
        interface: name,
        address,
        tftpServer: tftpServerOf(config),
        subnet,
        mode: "proxy",
      },
    }),
  };
}

function configuredLink(link: LinkConfig, config: Config): WantedLink {
  return {
    interface: link.name,
    address: link.address,
    mode: link.dhcp.mode,
    servedAs: (found) => servedLink(link, found, config),
  };
}

function servedLink(link: LinkConfig, found: UsableInterface, config: Config): ServedLink {
  const { name, address } = found;
  const configured = link.dhcp.subnet === null ? null : parseSubnet(link.dhcp.subnet);
  const subnet = configured ?? found.subnet;
  for (const { subnet: relayed } of link.dhcp.relayed) {
    const behind = parseSubnet(relayed);
    if (behind === null || !subnetsOverlap(behind, subnet)) continue;
    throw new ConfigError([
      `interface ${name}: the network ${relayed} under dhcp.relayed overlaps ${formatSubnet(subnet)}, which the ` +
        "interface is in itself; a machine must be in one of them only",
    ]);
  }
  const { advertise: advertised } = link;
  const tftpServer = tftpServerOf(config);
  return {
    interface: name,
    address,
    advertised,
    dhcp: dhcpLink(link, { interface: name, address, advertised, tftpServer, subnet }, config),
  };
}

function dhcpLink(
  link: LinkConfig,
  base: Pick<Link, "interface" | "address" | "advertised" | "tftpServer" | "subnet">,
  config: Config,
): Link | null {
  switch (link.dhcp.mode) {
    case "off":
      return null;
    case "proxy":
      return { ...base, mode: "proxy" };
    case "full": {
      const logServers = ownLogServer(config, base);
      // A machine that we know nothing of may have its address from the other server.
      const authoritative = config.dhcp.authoritative && !config.dhcp.allowOtherServers;
      const relayed = link.dhcp.relayed.flatMap((network): RelayedNetwork[] => {
        const subnet = parseSubnet(network.subnet);
        return subnet === null
          ? []
          : [{ subnet, full: fullSettings(network, authoritative, logServers) }];
      });
      return {
        ...base,
        mode: "full",
        full: fullSettings(link.dhcp, authoritative, logServers),
        relayed,
      };
    }
  }
}

/** Where nobody names a log server, machines are told that we are one. SMEE's compatibilities have it as SMEE does. */
function ownLogServer(config: Config, base: Addresses): readonly Ip4[] {
  return takesUsualSyslog(config) && config.dhcp.compatibility === "standard"
    ? [advertisedAddress(base)]
    : [];
}

function fullSettings(
  network: NetworkConfig,
  authoritative: boolean,
  ownLogServers: readonly Ip4[],
): FullSettings {
  const pools = withoutRanges(network.pools, network.exclude);
  const { router, dns, ntp, domain, domainSearch, options } = network;
  const logServers = network.logServers.length === 0 ? ownLogServers : network.logServers;
  const { leaseSeconds, netbootLeaseSeconds } = network;
  const addresses = { pools, router, dns, ntp, logServers, domain, domainSearch, options };
  return { ...addresses, leaseSeconds, netbootLeaseSeconds, authoritative };
}
