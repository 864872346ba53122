import { toHex } from "../../lib/bytes.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { type Mac, macFromBytes } from "../../lib/mac.ts";
import { formatOption, optionName } from "./options.ts";
import type { DhcpPacket } from "./packet.ts";

/** A packet for people and other programs, as JSON. */
export interface DescribedPacket {
  readonly op: number;
  readonly htype: number;
  readonly hops: number;
  /** In hex, eight digits. */
  readonly xid: string;
  readonly secs: number;
  /** In hex, four digits. */
  readonly flags: string;
  readonly ciaddr: Ip4;
  readonly yiaddr: Ip4;
  readonly siaddr: Ip4;
  readonly giaddr: Ip4;
  readonly chaddr: Mac;
  readonly sname: string;
  readonly file: string;
  /** In the order of their codes. */
  readonly options: readonly {
    readonly code: number;
    readonly name: string;
    /** The value as text, made printable. */
    readonly value: string;
    readonly hex: string;
  }[];
}

export function describePacket(packet: DhcpPacket): DescribedPacket {
  const { xid, flags, chaddr, options, ...header } = packet;
  return {
    ...header,
    xid: xid.toString(16).padStart(8, "0"),
    flags: flags.toString(16).padStart(4, "0"),
    chaddr: macFromBytes(chaddr),
    options: [...options]
      .toSorted(([a], [b]) => a - b)
      .map(([code, bytes]) => ({
        code,
        name: optionName(code),
        value: formatOption(code, bytes),
        hex: toHex(bytes),
      })),
  };
}
