import type { Datagram, Endpoint, SeenDatagram } from "../../src/capture/datagram.ts";
import { encodePacket } from "../../src/dhcp/wire/packet.ts";
import { fromText } from "../../src/lib/bytes.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { packetWith, type Options } from "./dhcp.ts";

/* Packets of boots, as a recorder sees them. */

export const machineMac = "52:54:00:77:00:01";
export const serverAddress = "192.168.77.1";

export function requestOf(mac: string, options: Options = {}): Uint8Array {
  const pxe = fromText("PXEClient:Arch:00007:UNDI:003001");
  const all: Options = { 53: Uint8Array.of(1), 60: pxe, 93: Uint8Array.of(0, 7), ...options };
  return encodePacket(packetWith(all, { chaddr: macToBytes(mac) }));
}

/** Three questions of one machine. */
export const requests: readonly Uint8Array[] = [0, 1, 2].map((secs) =>
  encodePacket({
    ...packetWith({ 53: Uint8Array.of(1), 60: fromText("PXEClient") }),
    chaddr: macToBytes(machineMac),
    secs,
  }),
);

export const fromNobody: Endpoint = { address: "0.0.0.0", port: 68 };
export const toEverybody: Endpoint = { address: "255.255.255.255", port: 67 };

export function datagramOf(
  payload: Uint8Array,
  source: Endpoint = fromNobody,
  destination: Endpoint = toEverybody,
): Datagram {
  return { source, destination, payload };
}

export function packetOf(payload: Uint8Array, atMs: number): SeenDatagram {
  return { ...datagramOf(payload), atMs };
}
