import { type BootClient } from "../../boot/client.ts";
import { bootClient } from "./boot-client.ts";
import { ANY_ADDRESS, type Ip4, ip4FromBytes } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { OptionCode } from "../wire/option-codes.ts";
import type { DhcpPacket } from "../wire/packet.ts";
import { readRelayAgent, type RelayAgent } from "./relay.ts";

/** Where a datagram came from: an IPv4 address and a UDP port. */
export interface Source {
  readonly address: Ip4;
  readonly port: number;
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
 */
export function readRequest(packet: DhcpPacket, source: Source): DhcpRequest {
  const raw = (code: number): Uint8Array | null => packet.options.get(code) ?? null;
  const client = bootClient({
    hardwareAddress: packet.chaddr,
    vendorClass: raw(OptionCode.VENDOR_CLASS_IDENTIFIER),
    userClass: raw(OptionCode.USER_CLASS),
    architectures: raw(OptionCode.CLIENT_SYSTEM_ARCHITECTURE),
    networkInterface: raw(OptionCode.CLIENT_NETWORK_INTERFACE),
    machineId: raw(OptionCode.CLIENT_MACHINE_IDENTIFIER),
    ipxeOptions: raw(OptionCode.IPXE_ENCAPSULATED),
  });
  const messageType = raw(OptionCode.MESSAGE_TYPE);
  const relayInformation = filled(raw(OptionCode.RELAY_AGENT_INFORMATION));
  return {
    packet,
    messageType: messageType?.length === 1 ? (messageType[0] ?? 0) : 0,
    mac: client.mac,
    serverId: addressIn(raw(OptionCode.SERVER_IDENTIFIER)),
    requestedAddress: addressIn(raw(OptionCode.REQUESTED_ADDRESS)),
    clientId: filled(raw(OptionCode.CLIENT_IDENTIFIER)),
    parameterRequestList: Array.from(raw(OptionCode.PARAMETER_REQUEST_LIST) ?? []),
    relayInformation,
    relay: readRelayAgent(packet, relayInformation),
    source,
    client,
  };
}

function filled(value: Uint8Array | null): Uint8Array | null {
  return value === null || value.length === 0 ? null : value;
}

function addressIn(value: Uint8Array | null): Ip4 | null {
  if (value?.length !== 4) return null;
  const address = ip4FromBytes(value);
  return address === ANY_ADDRESS ? null : address;
}
