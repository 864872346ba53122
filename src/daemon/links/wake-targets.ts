import {
  broadcastOf,
  type Ip4,
  LIMITED_BROADCAST,
  type Subnet,
  subnetContains,
} from "../../lib/ip4.ts";
import { type Mac, macToBytes } from "../../lib/mac.ts";

/** A link that is served, by what tells whether a machine is on it. */
export interface WakeLink {
  readonly interface: string;
  /** Ours on it. */
  readonly address: Ip4;
  /** Null where it is not known. */
  readonly subnet: Subnet | null;
  /** The networks behind its relay agents. */
  readonly relayed: readonly Subnet[];
}

/** From where and to which address a magic packet is sent. */
export interface WakeTarget {
  readonly interface: string;
  readonly address: Ip4;
  readonly to: Ip4;
}

/** Where a machine was seen, or is to be. */
export interface WakePlace {
  /** On which its last boot was heard; null: none was. */
  readonly interface: string | null;
  /** Those that it had, or has by its entry. */
  readonly addresses: readonly Ip4[];
}

/**
 * The link that a machine is on, by where it was heard last or else by its addresses. Where nothing says that,
 * or that link is not served, all links: `isKnown` is false then. A machine behind a relay agent is reached by the
 * broadcast address of its network, if routers on the way let that pass (RFC 2644); any other by 255.255.255.255.
 */
export function wakeTargets(
  { interface: name, addresses }: WakePlace,
  links: readonly WakeLink[],
): { readonly isKnown: boolean; readonly targets: readonly WakeTarget[] } {
  const behind = (link: WakeLink) =>
    link.relayed.find((network) => addresses.some((one) => subnetContains(network, one)));
  const holds = ({ subnet }: WakeLink) =>
    subnet !== null && addresses.some((one) => subnetContains(subnet, one));
  const target = (link: WakeLink): WakeTarget => {
    const network = behind(link);
    const to = network === undefined ? LIMITED_BROADCAST : broadcastOf(network);
    return { interface: link.interface, address: link.address, to };
  };
  const own =
    links.find((link) => link.interface === name) ??
    links.find((link) => holds(link) || behind(link) !== undefined);
  return { isKnown: own !== undefined, targets: (own === undefined ? links : [own]).map(target) };
}

/** What a card that is asleep looks for in any frame: six bytes of ones, then its own address sixteen times (AMD publication 20213). */
export function magicPacket(mac: Mac): Uint8Array {
  const own = macToBytes(mac);
  const packet = new Uint8Array(6 + 16 * own.length).fill(0xff, 0, 6);
  for (let times = 0; times < 16; times++) packet.set(own, 6 + times * own.length);
  return packet;
}
