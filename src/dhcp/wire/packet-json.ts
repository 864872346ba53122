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
  /** What is no printable ASCII as `\\xNN`. */
  readonly sname: string;
  /** The same. */
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
  const { xid, flags, chaddr, sname, file, options, ...header } = packet;
  return {
    ...header,
    sname: shown(sname),
    file: shown(file),
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

/** JSON leaves what is above ASCII as it is, and there are terminals that take some of it for commands. */
function shown(name: string): string {
  return name.replaceAll(
    /[^\x20-\x7e]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
