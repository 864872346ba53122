import { toText } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { ANY_ADDRESS, type Ip4, ip4FromBytes } from "../../lib/ip4.ts";
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
  /** Option 60 says PXEClient. */
  readonly pxe: boolean;
  /** It names a boot file. */
  readonly bootFile: boolean;
  /** Option 43 says how to find a boot server (PXE 2.1, table 2-1: 43.6 to 43.10). */
  readonly discovery: boolean;
  /** The sub-options of 43 that its own discovery control (43.6) needs and that are not there, such as `43.8`. */
  readonly lacks: readonly string[];
}

/** Null when the packet is no DHCPOFFER with a server identifier. Total: what is malformed reads as absent. */
export function readCompetingOffer(packet: DhcpPacket): CompetingOffer | null {
  const { op, options, yiaddr, file } = packet;
  const id = options.get(OptionCode.SERVER_IDENTIFIER);
  const type = options.get(OptionCode.MESSAGE_TYPE)?.[0];
  if (op !== BOOTREPLY || type !== MessageType.OFFER || id?.length !== 4) return null;
  const bootFile = file !== "" || (options.get(OptionCode.BOOTFILE_NAME)?.length ?? 0) > 0;
  const subOptions = vendorOptionsOf(packet);
  return {
    server: ip4FromBytes(id),
    address: yiaddr === ANY_ADDRESS ? null : yiaddr,
    pxe: toText(options.get(OptionCode.VENDOR_CLASS_IDENTIFIER) ?? new Uint8Array()).startsWith(
      "PXEClient",
    ),
    bootFile,
    discovery: [6, 7, 8, 9, 10].some((tag) => subOptions.has(tag)),
    lacks: lacking(subOptions, bootFile),
  };
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
