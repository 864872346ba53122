import { readFileSync } from "node:fs";
import { negotiate, type Negotiated } from "../../src/tftp/wire/option-negotiation.ts";
import {
  decodePacket,
  encodePacket,
  type TftpOptions,
  type TftpPacket,
} from "../../src/tftp/wire/packet.ts";
import type { TransferEffect } from "../../src/tftp/transfer/read-transfer.ts";
import { type Datagram, readPcap } from "./pcap.ts";

/** The TFTP datagrams of EDK2 and of iPXE in the order in which they were captured, both directions. */
export function firmwareTftp(): readonly Datagram[] {
  return readPcap(readFileSync("test/fixtures/tftp-firmware.pcap"));
}

/** What EDK2 sent: the probe for the size, its abort, the request, the first ACKs of a window of 4. */
export function edk2Packets(): readonly TftpPacket[] {
  return firmwareTftp()
    .slice(0, 14)
    .filter(({ source }) => source.address === "10.0.0.50")
    .map(({ payload }) => decodePacket(payload));
}

export function optionsOf(options: Readonly<Record<string, string | number>>): TftpOptions {
  return new Map(Object.entries(options).map(([name, value]) => [name, String(value)]));
}

/** Terms for a file of this size, as a server without narrow limits grants them. */
export function termsFor(
  size: number,
  options: Readonly<Record<string, string | number>> = {},
): Negotiated {
  return negotiate(optionsOf(options), { maxBlockSize: 65464, maxWindowSize: 65535 }, size);
}

/** The size of a request with these options. */
export function requestBytesFor(options: Readonly<Record<string, string | number>> = {}): number {
  const asked = { filename: "ipxe.efi", mode: "octet", options: optionsOf(options) } as const;
  return encodePacket({ opcode: "rrq", ...asked }).length;
}

export function ack(block: number): TftpPacket {
  return { opcode: "ack", block };
}

/** What was sent, in short: `oack`, `data 1`, `error 0`, … */
export function sent(effects: readonly TransferEffect[]): readonly string[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== "send") return [];
    const { packet } = effect;
    if (packet.opcode === "data" || packet.opcode === "ack") {
      return [`${packet.opcode} ${packet.block}`];
    }
    return [packet.opcode === "error" ? `error ${packet.code}` : packet.opcode];
  });
}
