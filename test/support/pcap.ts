import type { Datagram } from "../../src/capture/datagram.ts";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { writePcap as writeSeen } from "../../src/capture/pcap-writer.ts";

export type { Datagram } from "../../src/capture/datagram.ts";

/** The UDP datagrams of a capture file; their payloads share no memory with it. */
export function readPcap(file: Uint8Array): readonly Datagram[] {
  return [...datagramsOf(file)].map(({ source, destination, payload }) => ({
    source,
    destination,
    payload: payload.slice(),
  }));
}

/** A classic pcap file with one Ethernet frame a datagram, a second apart. */
export function writePcap(datagrams: readonly Datagram[]): Uint8Array {
  return writeSeen(datagrams.map((datagram, second) => ({ ...datagram, atMs: second * 1000 })));
}
