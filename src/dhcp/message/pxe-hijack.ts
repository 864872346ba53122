import { ANY_ADDRESS, type Ip4, ip4FromBytes } from "../../lib/ip4.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { toText } from "../../lib/bytes.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { BOOTREPLY, type DhcpPacket } from "../wire/packet.ts";
import { readSubOptions } from "../wire/vendor-options.ts";

/** PXE 2.1, table 2-1: 43.6 to 43.10 say where to look for a boot server. */
const DISCOVERY_TAGS = [6, 7, 8, 9, 10];

/** Whether option 43 tells a PXE client how to find its boot server; a malformed one does not. */
export function hasDiscoveryOptions(packet: DhcpPacket): boolean {
  const value = packet.options.get(OptionCode.VENDOR_SPECIFIC);
  if (value === undefined) return false;
  const found = decodedOrNull(() => readSubOptions(value, "vendor"));
  return DISCOVERY_TAGS.some((tag) => found?.has(tag));
}

/** Whether option 60 says PXEClient. */
function isPxeReply(packet: DhcpPacket): boolean {
  const value = packet.options.get(OptionCode.VENDOR_CLASS_IDENTIFIER);
  return value !== undefined && toText(value).startsWith("PXEClient");
}

/** What matters of an offered address here. */
export interface AddressOffer {
  /** Option 54. */
  readonly server: Ip4 | null;
  /** It has option 60 `PXEClient` and no option 43, which says "ask my port 4011". */
  readonly sendsToItself: boolean;
}

/** Null when the packet offers no address. */
export function addressOfferIn(packet: DhcpPacket): AddressOffer | null {
  if (packet.op !== BOOTREPLY || packet.yiaddr === ANY_ADDRESS) return null;
  const id = packet.options.get(OptionCode.SERVER_IDENTIFIER);
  return {
    server: id?.length === 4 ? ip4FromBytes(id) : null,
    sendsToItself: isPxeReply(packet) && !hasDiscoveryOptions(packet),
  };
}

/**
 * The server that no proxy can win against among the offers of addresses that one client was sent, or
 * null.
 *
 * EDK2 needs an address offer without option 60 before it looks at any proxy's: when every address
 * offer sends it to its own server, it asks the first one's port 4011 and nobody else, whatever proxies
 * send (seen with EDK2 2022.11, tianocore/edk2 NetworkPkg/UefiPxeBcDxe/PxeBcDhcp4.c).
 */
export function unbeatableServer(offers: readonly AddressOffer[]): Ip4 | null {
  const all = offers.every(({ sendsToItself }) => sendsToItself);
  return all ? (offers[0]?.server ?? null) : null;
}
