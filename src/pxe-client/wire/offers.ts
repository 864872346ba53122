import { OptionCode } from "../../dhcp/wire/option-codes.ts";
import { type DhcpPacket } from "../../dhcp/wire/packet.ts";
import { MessageType } from "../../dhcp/wire/message-type.ts";
import { hasDiscoveryOptions } from "../../dhcp/message/pxe-hijack.ts";
import {
  type PxeVendorOptions,
  readIpxeOptions,
  readPxeVendorOptions,
} from "../../dhcp/wire/vendor-options.ts";
import { printable, toText } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { ANY_ADDRESS, type Ip4, ip4FromBytes } from "../../lib/ip4.ts";

/** A server's answer as boot firmware reads it. */
export interface Offer {
  readonly packet: DhcpPacket;
  /** Option 54; null when the reply has none. */
  readonly serverId: Ip4 | null;
  /** The server, for people: option 54, else where the datagram came from. */
  readonly server: Ip4;
  /** `yiaddr`; null for a proxy, which offers none. */
  readonly address: Ip4 | null;
  readonly vendorClass: "PXEClient" | "HTTPClient" | null;
  /** Option 43 when it says how to find the boot server, else null. */
  readonly pxe: PxeVendorOptions | null;
  /** `siaddr`. */
  readonly nextServer: Ip4 | null;
  /** Option 67, else `file`; printable. */
  readonly bootFile: string | null;
  /** iPXE's 175.176: it is not to wait for a proxy, nor to take one. */
  readonly noProxy: boolean;
}

/** Reads a reply to a DHCPDISCOVER or to a boot server request. Total: what is malformed reads as absent. */
export function readOffer(packet: DhcpPacket, from: Ip4): Offer {
  const serverId = addressIn(packet.options.get(OptionCode.SERVER_IDENTIFIER));
  const vendorClass = textIn(packet, OptionCode.VENDOR_CLASS_IDENTIFIER);
  // EDK2, iPXE: option 67 wins over the header's `file`.
  const bootFile = textIn(packet, OptionCode.BOOTFILE_NAME) || packet.file;
  return {
    packet,
    serverId,
    server: serverId ?? from,
    address: orNull(packet.yiaddr),
    vendorClass: vendorClass.startsWith("PXEClient")
      ? "PXEClient"
      : vendorClass.startsWith("HTTPClient")
        ? "HTTPClient"
        : null,
    pxe: pxeOptions(packet),
    nextServer: orNull(packet.siaddr),
    bootFile: bootFile === "" ? null : printable(bootFile, 1024),
    noProxy: saysNoProxy(packet),
  };
}

/** Whether a reply is an offer, or one by BOOTP. */
export function isOffer(reply: DhcpPacket): boolean {
  const type = reply.options.get(OptionCode.MESSAGE_TYPE)?.[0] ?? MessageType.OFFER;
  return type === MessageType.OFFER;
}

/** Whether an offer says what to boot, or where to ask for that. */
export function offersBoot(offer: Offer): boolean {
  return offer.vendorClass !== null || offer.bootFile !== null || offer.pxe !== null;
}

function pxeOptions(packet: DhcpPacket): PxeVendorOptions | null {
  const value = packet.options.get(OptionCode.VENDOR_SPECIFIC);
  if (value === undefined || !hasDiscoveryOptions(packet)) return null;
  return decodedOrNull(() => readPxeVendorOptions(value));
}

function saysNoProxy(packet: DhcpPacket): boolean {
  const value = packet.options.get(OptionCode.IPXE_ENCAPSULATED);
  if (value === undefined) return false;
  return decodedOrNull(() => readIpxeOptions(value).noPxeDhcp) === true;
}

function textIn(packet: DhcpPacket, code: number): string {
  const value = packet.options.get(code);
  return value === undefined ? "" : toText(value);
}

function addressIn(value: Uint8Array | undefined): Ip4 | null {
  return value?.length === 4 ? orNull(ip4FromBytes(value)) : null;
}

function orNull(address: Ip4): Ip4 | null {
  return address === ANY_ADDRESS ? null : address;
}
