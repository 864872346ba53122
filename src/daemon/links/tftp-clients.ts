import type { Config } from "../../config/schema.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import {
  type Ip4,
  LIMITED_BROADCAST,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetOf,
} from "../../lib/ip4.ts";
import type { NetworkInterface } from "../../net/interfaces.ts";

/** Loopback: no other host can send from it. */
const LOOPBACK: Subnet = { network: "127.0.0.0", prefixLength: 8 };
/** RFC 1918 and RFC 6598. */
const PRIVATE: readonly Subnet[] = [
  { network: "10.0.0.0", prefixLength: 8 },
  { network: "172.16.0.0", prefixLength: 12 },
  { network: "192.168.0.0", prefixLength: 16 },
  { network: "100.64.0.0", prefixLength: 10 },
];
const MAX_REMEMBERED = 1024;
/** The interfaces are read again for an unknown client at most this often. */
const REFRESH_MS = 1000;
const DHCP_SERVER_PORT = 67;

/**
 * Which addresses TFTP answers. A source address may be forged, and the first block is larger than the
 * request; so only networks that machines boot from are answered (`links`): those of the served links, and where
 * machines are that DHCP answered beyond them, through a relay agent in mode proxy, which knows no networks.
 */
export class TftpClients {
  readonly #interfaces: () => readonly NetworkInterface[];
  readonly #clock: Pick<Clock, "now">;
  readonly #any: boolean;
  readonly #links: boolean;
  /** Named in the configuration. */
  readonly #named: readonly Subnet[];
  #ofInterfaces: readonly Subnet[] = [];
  #readAtMs = -Infinity;
  /** What DHCP answered beyond the links: relay agents' networks, by relay agent, and single clients. */
  readonly #answered = new BoundedMap<Ip4, Subnet>(MAX_REMEMBERED);

  /** @param interfaces those that are served, as they are now */
  constructor(
    { tftp, dhcp, interfaces: links }: Config,
    interfaces: () => readonly NetworkInterface[],
    clock: Pick<Clock, "now">,
  ) {
    this.#interfaces = interfaces;
    this.#clock = clock;
    // SMEE answers everybody.
    this.#any = tftp.allowFrom.includes("any") || dhcp.compatibility !== "standard";
    this.#links = tftp.allowFrom.includes("links");
    const ofLinks = links.flatMap(({ dhcp: { subnet, relayed } }) => [
      subnet,
      ...relayed.map((network) => network.subnet),
    ]);
    const named = [...tftp.allowFrom, ...(this.#links ? ofLinks : [])];
    this.#named = [LOOPBACK, ...named.flatMap((text) => parseSubnet(text ?? "") ?? [])];
  }

  allows(client: Ip4): boolean {
    if (this.#any || contains(this.#named, client)) return true;
    if (!this.#links) return false;
    return this.#isOnLink(client) || contains(this.#answered.values(), client);
  }

  /** DHCP sent a reply there: to a relay agent, whose port is 67, or to a machine. */
  dhcpAnswered({ address, port }: { readonly address: Ip4; readonly port: number }): void {
    if (address === LIMITED_BROADCAST || this.#isOnLink(address)) return;
    const network = port === DHCP_SERVER_PORT ? networkBehind(address) : subnetOf(address, 32);
    this.#answered.set(address, network);
  }

  #isOnLink(address: Ip4): boolean {
    if (contains(this.#ofInterfaces, address)) return true;
    // An address may have been added to an interface.
    const now = this.#clock.now();
    if (now - this.#readAtMs < REFRESH_MS) return false;
    this.#readAtMs = now;
    const addresses = this.#interfaces().flatMap((one) => one.addresses);
    this.#ofInterfaces = addresses.map(({ subnet }) => subnet);
    return contains(this.#ofInterfaces, address);
  }
}

/**
 * The network of a relay agent's clients. A request does not say how large it is: for a private address the
 * whole private block is taken, else 256 addresses.
 */
function networkBehind(relay: Ip4): Subnet {
  return PRIVATE.find((block) => subnetContains(block, relay)) ?? subnetOf(relay, 24);
}

function contains(networks: Iterable<Subnet>, address: Ip4): boolean {
  for (const network of networks) if (subnetContains(network, address)) return true;
  return false;
}
