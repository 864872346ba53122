import type { Config, LinkConfig, NetworkConfig } from "../config/schema.ts";
import type { FullSettings, Link, RelayedNetwork } from "../dhcp/link.ts";
import { withoutRanges } from "../dhcp/pool.ts";
import { ConfigError } from "../lib/errors.ts";
import { formatSubnet, parseSubnet, type Subnet, subnetOf, subnetsOverlap } from "../lib/ip4.ts";
import {
  interfaceNamed,
  type NetworkInterface,
  soleInterface,
  type UsableInterface,
} from "../net/interfaces.ts";

/** A link that is served: TFTP and HTTP always, DHCP unless its mode is off. */
export interface ServedLink {
  readonly interface: string;
  readonly address: string;
  readonly dhcp: Link | null;
}

/**
 * The links of the configuration with what the host's interfaces add to them; with none configured,
 * the only usable interface in mode proxy.
 *
 * @throws ConfigError when an interface is not there or has no address
 */
export function servedLinks(
  config: Config,
  interfaces: readonly NetworkInterface[],
): readonly ServedLink[] {
  if (config.interfaces.length === 0) {
    const { name, address, subnet } = soleInterface(interfaces);
    const dhcp: Link = { interface: name, address, subnet, mode: "proxy" };
    return [{ interface: name, address, dhcp }];
  }
  return config.interfaces.map((link) =>
    servedLink(link, interfaceNamed(interfaces, link.name, link.address), config),
  );
}

/**
 * Like `servedLinks`, for thinking about packets only: an interface need not exist when its `address` is
 * configured. A network that is told by neither is taken to have 24 bits.
 *
 * @throws ConfigError when an interface that has no `address` is not there
 */
export function configuredLinks(
  config: Config,
  interfaces: readonly NetworkInterface[],
): readonly ServedLink[] {
  const assumed = config.interfaces.flatMap(({ name, address }): NetworkInterface[] => {
    const there = interfaces.some((one) => one.addresses.some((own) => own.address === address));
    if (address === null || there) return [];
    const addresses = [{ address, subnet: subnetOf(address, 24) }];
    return [{ name, addresses, up: true, loopback: false, broadcast: true, hardware: false }];
  });
  const names = new Set(assumed.map(({ name }) => name));
  return servedLinks(config, [...interfaces.filter(({ name }) => !names.has(name)), ...assumed]);
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
  return {
    interface: name,
    address,
    dhcp: dhcpLink(link, { interface: name, address, subnet }, config),
  };
}

function dhcpLink(
  link: LinkConfig,
  base: { readonly interface: string; readonly address: string; readonly subnet: Subnet },
  config: Config,
): Link | null {
  switch (link.dhcp.mode) {
    case "off":
      return null;
    case "proxy":
      return { ...base, mode: "proxy" };
    case "full": {
      // A machine that we know nothing of may have its address from the other server.
      const authoritative = config.dhcp.authoritative && !config.dhcp.allowOtherServers;
      const relayed = link.dhcp.relayed.flatMap((network): RelayedNetwork[] => {
        const subnet = parseSubnet(network.subnet);
        return subnet === null ? [] : [{ subnet, full: fullSettings(network, authoritative) }];
      });
      return { ...base, mode: "full", full: fullSettings(link.dhcp, authoritative), relayed };
    }
  }
}

function fullSettings(network: NetworkConfig, authoritative: boolean): FullSettings {
  const pools = withoutRanges(network.pools, network.exclude);
  const { router, dns, ntp, logServers, domain, options } = network;
  const { leaseSeconds, netbootLeaseSeconds } = network;
  const addresses = { pools, router, dns, ntp, logServers, domain, options };
  return { ...addresses, leaseSeconds, netbootLeaseSeconds, authoritative };
}
