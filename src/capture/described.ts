import { describePacket, type DescribedPacket } from "../dhcp/wire/packet-json.ts";
import { formatOption } from "../dhcp/wire/options.ts";
import { decodePacket as decodeDhcp } from "../dhcp/wire/packet.ts";
import { OptionCode } from "../dhcp/wire/option-codes.ts";
import { printable } from "../lib/bytes.ts";
import { DecodeError } from "../lib/errors.ts";
import { decodePacket as decodeTftp, type TftpPacket } from "../tftp/wire/packet.ts";
import { type Datagram, isDhcp } from "./datagram.ts";

/** A packet for people and other programs. */
export interface DescribedDatagram {
  /** `IP:PORT`. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: "dhcp" | "tftp";
  /** What it is, in one line: `DHCPDISCOVER`, `RRQ ipxe.efi blksize=1468`. */
  readonly summary: string;
  /** The DHCP packet with its options; null for TFTP, and for what is damaged. */
  readonly packet: DescribedPacket | null;
}

export function describeDatagram(datagram: Datagram): DescribedDatagram {
  const { source, destination } = datagram;
  return {
    source: `${source.address}:${source.port}`,
    destination: `${destination.address}:${destination.port}`,
    ...(isDhcp(datagram) ? dhcp(datagram.payload) : tftp(datagram.payload)),
  };
}

type Contents = Pick<DescribedDatagram, "protocol" | "summary" | "packet">;

function dhcp(payload: Uint8Array): Contents {
  try {
    const packet = decodeDhcp(payload);
    const type = packet.options.get(OptionCode.MESSAGE_TYPE);
    const name = type === undefined ? null : formatOption(OptionCode.MESSAGE_TYPE, type);
    const summary = name === null ? "BOOTP" : `DHCP${/^[A-Z]+$/.test(name) ? name : ` ${name}`}`;
    return { protocol: "dhcp", summary, packet: describePacket(packet) };
  } catch (error) {
    return { protocol: "dhcp", summary: damage(error), packet: null };
  }
}

function tftp(payload: Uint8Array): Contents {
  try {
    return { protocol: "tftp", summary: tftpSummary(decodeTftp(payload)), packet: null };
  } catch (error) {
    return { protocol: "tftp", summary: damage(error), packet: null };
  }
}

function tftpSummary(packet: TftpPacket): string {
  switch (packet.opcode) {
    case "rrq":
    case "wrq":
      return [packet.opcode.toUpperCase(), printable(packet.filename), ...optionsOf(packet)].join(
        " ",
      );
    case "oack":
      return ["OACK", ...optionsOf(packet)].join(" ");
    case "ack":
      return `ACK ${packet.block}`;
    case "error":
      return `ERROR ${packet.code} ${printable(packet.message)}`;
    case "data":
      return `DATA ${packet.block}`;
  }
}

function optionsOf({ options }: Extract<TftpPacket, { options: unknown }>): readonly string[] {
  return [...options].map(([name, value]) => `${printable(name)}=${printable(value)}`);
}

function damage(error: unknown): string {
  if (error instanceof DecodeError) return `malformed: ${error.message}`;
  throw error;
}
