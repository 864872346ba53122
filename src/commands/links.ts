import type { Config, LinkConfig } from "../config/schema.ts";
import type { Link } from "../dhcp/link.ts";
import { parseSubnet, type Subnet, subnetOf } from "../lib/ip4.ts";
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
    const facts = { up: true, carrier: true, loopback: false, broadcast: true, hardware: false };
    return [{ name, index: null, addresses, ...facts }];
  });
  const names = new Set(assumed.map(({ name }) => name));
  return servedLinks(config, [...interfaces.filter(({ name }) => !names.has(name)), ...assumed]);
}

function servedLink(link: LinkConfig, found: UsableInterface, config: Config): ServedLink {
  const { name, address } = found;
  const configured = link.dhcp.subnet === null ? null : parseSubnet(link.dhcp.subnet);
  const subnet = configured ?? found.subnet;
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
      const { pools, router, dns, ntp, logServers, domain, options } = link.dhcp;
      const { leaseSeconds, netbootLeaseSeconds } = link.dhcp;
      const { authoritative } = config.dhcp;
      const addresses = { pools, router, dns, ntp, logServers, domain, options };
      const full = { ...addresses, leaseSeconds, netbootLeaseSeconds, authoritative };
      return { ...base, mode: "full", full };
    }
  }
}
