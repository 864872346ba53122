import { toText } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import {
  ANY_ADDRESS,
  formatSubnet,
  type Ip4,
  ip4FromBytes,
  prefixLengthOf,
  type Subnet,
  subnetContains,
  subnetOf,
} from "../../lib/ip4.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { BOOTREPLY, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import { readSubOptions } from "../wire/vendor-options.ts";

/** What matters of another server's offer for whether firmware finds ours. */
export interface CompetingOffer {
  /** Option 54. */
  readonly server: Ip4;
  /** `yiaddr`; null for a proxy, which offers none. */
  readonly address: Ip4 | null;
  /** The network that the address is in, by option 1, such as `10.9.9.0/24`; null where that is not known. */
  readonly network: string | null;
  /** A machine with that address finds its way to us: we are in its network, or it is told a way out of it. */
  readonly reachesUs: boolean;
  /** Option 60 says PXEClient. */
  readonly pxe: boolean;
  /** It names a boot file. */
  readonly bootFile: boolean;
  /** Option 43 says how to find a boot server (PXE 2.1, table 2-1: 43.6 to 43.10). */
  readonly discovery: boolean;
  /** The sub-options of 43 that its own discovery control (43.6) needs and that are not there, such as `43.8`. */
  readonly lacks: readonly string[];
}

/**
 * Null when the packet is no DHCPOFFER with a server identifier. Total: what is malformed reads as absent.
 *
 * @param own our address on its link
 */
export function readCompetingOffer(packet: DhcpPacket, own: Ip4): CompetingOffer | null {
  const { op, options, yiaddr, file } = packet;
  const id = options.get(OptionCode.SERVER_IDENTIFIER);
  const type = options.get(OptionCode.MESSAGE_TYPE)?.[0];
  if (op !== BOOTREPLY || type !== MessageType.OFFER || id?.length !== 4) return null;
  const bootFile = file !== "" || (options.get(OptionCode.BOOTFILE_NAME)?.length ?? 0) > 0;
  const subOptions = vendorOptionsOf(packet);
  const network = networkOf(packet);
  return {
    server: ip4FromBytes(id),
    address: yiaddr === ANY_ADDRESS ? null : yiaddr,
    network: network === null ? null : formatSubnet(network),
    reachesUs: network === null || subnetContains(network, own) || hasRouter(packet),
    pxe: toText(options.get(OptionCode.VENDOR_CLASS_IDENTIFIER) ?? new Uint8Array()).startsWith(
      "PXEClient",
    ),
    bootFile,
    discovery: [6, 7, 8, 9, 10].some((tag) => subOptions.has(tag)),
    lacks: lacking(subOptions, bootFile),
  };
}

/** The network of the address that is offered; null without an address, or without a subnet mask. */
function networkOf({ yiaddr, options }: DhcpPacket): Subnet | null {
  const mask = options.get(OptionCode.SUBNET_MASK);
  if (yiaddr === ANY_ADDRESS || mask?.length !== 4) return null;
  const length = prefixLengthOf(ip4FromBytes(mask));
  return length === null ? null : subnetOf(yiaddr, length);
}

function hasRouter({ options }: DhcpPacket): boolean {
  const routes = [OptionCode.ROUTER, OptionCode.CLASSLESS_STATIC_ROUTE];
  return routes.some((code) => (options.get(code)?.length ?? 0) >= 4);
}

function vendorOptionsOf({ options }: DhcpPacket): ReadonlyMap<number, Uint8Array> {
  const value = options.get(OptionCode.VENDOR_SPECIFIC);
  return (value && decodedOrNull(() => readSubOptions(value, "vendor"))) ?? new Map();
}

/**
 * PXE 2.1, table 2-1 and figure 2-1. A client that is not told to load the offer's file (43.6 bit 3) wants a
 * menu and its prompt (PXE-E74 without them), and a list of boot servers where it may neither ask by broadcast
 * (bit 0) nor by multicast (bit 1), or may ask those of the list only (bit 2; PXE-E77 without it).
 */
function lacking(found: ReadonlyMap<number, Uint8Array>, bootFile: boolean): readonly string[] {
  const control = found.get(6)?.[0];
  if (control === undefined || ((control & 8) !== 0 && bootFile)) return [];
  const needsList = (control & 3) === 3 || (control & 4) !== 0;
  const needed = [...(needsList ? [8] : []), 9, 10];
  return needed.filter((tag) => !found.has(tag)).map((tag) => `43.${tag}`);
}
