import { type BootClient } from "../../boot/client.ts";
import { bootClient } from "./boot-client.ts";
import { ANY_ADDRESS, type Ip4, ip4FromBytes } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import { readRelayAgent, type RelayAgent } from "./relay.ts";

/** Where a datagram came from: an IPv4 address and a UDP port. */
export interface Source {
  readonly address: Ip4;
  readonly port: number;
  /** Whether it was sent to everybody on the link; where that is not known, it is taken to be meant for us. */
  readonly isBroadcast?: boolean;
}

/** A client's packet with what a server looks at read out of it, once. */
export interface DhcpRequest {
  readonly packet: DhcpPacket;
  /** Option 53; 0 when it is absent (BOOTP) or malformed. */
  readonly messageType: number;
  readonly mac: Mac;
  /** Option 54, the server that the client has chosen. */
  readonly serverId: Ip4 | null;
  /** Option 50; 0.0.0.0 reads as none. */
  readonly requestedAddress: Ip4 | null;
  /** `ciaddr` where it says which address the client has now; null where it counts for nothing. */
  readonly clientAddress: Ip4 | null;
  /** Option 61, type byte included. */
  readonly clientId: Uint8Array | null;
  /** Option 55, in the client's order of preference. */
  readonly parameterRequestList: readonly number[];
  /** Option 82 as the relay agent wrote it. */
  readonly relayInformation: Uint8Array | null;
  /** What the relay agent says in it; null when no relay agent is in between. */
  readonly relay: RelayAgent | null;
  readonly source: Source;
  readonly client: BootClient;
}

/**
 * Reads a decoded packet. Total: an option that is empty or has a wrong length reads as absent.
 *
 * @param source the datagram's source; `0.0.0.0` and port 68 for a client that has no address yet
 * @param vendorClasses beginnings of option 60 that are taken for a PXE client's besides `PXEClient`
 */
export function readRequest(
  packet: DhcpPacket,
  source: Source,
  vendorClasses: readonly string[] = [],
): DhcpRequest {
  const raw = (code: number): Uint8Array | null => packet.options.get(code) ?? null;
  const facts = {
    hardwareAddress: packet.chaddr,
    vendorClass: raw(OptionCode.VENDOR_CLASS_IDENTIFIER),
    userClass: raw(OptionCode.USER_CLASS),
    architectures: raw(OptionCode.CLIENT_SYSTEM_ARCHITECTURE),
    machineId: raw(OptionCode.CLIENT_MACHINE_IDENTIFIER),
    ipxeOptions: raw(OptionCode.IPXE_ENCAPSULATED),
  };
  const client = bootClient(facts, vendorClasses);
  const type = raw(OptionCode.MESSAGE_TYPE);
  const messageType = type?.length === 1 ? (type[0] ?? 0) : 0;
  const serverId = addressIn(raw(OptionCode.SERVER_IDENTIFIER));
  const requestedAddress = addressIn(raw(OptionCode.REQUESTED_ADDRESS));
  const confirmed = packet.ciaddr === source.address;
  const named = Number(serverId !== null) + Number(requestedAddress !== null);
  const relayInformation = filled(raw(OptionCode.RELAY_AGENT_INFORMATION));
  return {
    packet,
    messageType,
    mac: client.mac,
    serverId,
    requestedAddress,
    clientAddress: hasAddress(messageType, named, confirmed) ? given(packet.ciaddr) : null,
    clientId: filled(raw(OptionCode.CLIENT_IDENTIFIER)),
    parameterRequestList: numbersIn(raw(OptionCode.PARAMETER_REQUEST_LIST)),
    relayInformation,
    relay: readRelayAgent(packet, relayInformation),
    source,
    client,
  };
}

/**
 * RFC 2131 4.3.6, table 5: `ciaddr` is filled in by a client that renews, rebinds, informs or releases.
 * Clients in the field leave an address there that they no longer have when they discover, select an offer or
 * reboot: NetworkManager before the end of 2025, Home Assistant OS.
 *
 * @param named how many of the options 50 and 54 a DHCPREQUEST has: none when it renews, 54 and 50 when it
 *   selects; with one of them it may be either, and the datagram's source decides
 */
function hasAddress(messageType: number, named: number, confirmed: boolean): boolean {
  switch (messageType) {
    case MessageType.REQUEST:
      return named === 0 || (named === 1 && confirmed);
    case MessageType.INFORM:
    case MessageType.RELEASE:
      return true;
    default:
      return false;
  }
}

function given(address: Ip4): Ip4 | null {
  return address === ANY_ADDRESS ? null : address;
}

/** As `Array.from` would, which takes as long as the rest of a request. */
function numbersIn(bytes: Uint8Array | null): readonly number[] {
  const numbers: number[] = [];
  if (bytes !== null) for (let at = 0; at < bytes.length; at++) numbers.push(bytes[at] ?? 0);
  return numbers;
}

function filled(value: Uint8Array | null): Uint8Array | null {
  return value === null || value.length === 0 ? null : value;
}

function addressIn(value: Uint8Array | null): Ip4 | null {
  if (value?.length !== 4) return null;
  return given(ip4FromBytes(value));
}
