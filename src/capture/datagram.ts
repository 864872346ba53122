import { readU32 } from "../lib/bytes.ts";
import type { Ip4 } from "../lib/ip4.ts";

export interface Endpoint {
  readonly address: Ip4;
  readonly port: number;
}

/** A UDP datagram over IPv4 with its addresses. */
export interface Datagram {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly payload: Uint8Array;
}

/** A datagram, and when it was seen: milliseconds of whatever clock its holder says. */
export interface SeenDatagram extends Datagram {
  readonly atMs: number;
}

/** The UDP ports of a boot: DHCP's two, the boot server's (PXE 2.1), and TFTP's. */
export const ports = { server: 67, client: 68, bootServer: 4011, tftp: 69 } as const;

const dhcpPorts: ReadonlySet<number> = new Set([ports.server, ports.client, ports.bootServer]);

/** RFC 2131 3: four bytes at this place of every DHCP packet. */
const COOKIE_AT = 236;
const COOKIE = 0x63825363;

/** Whether the datagram is DHCP's, by its ports, which damaged packets have too, or by its cookie: a boot server answers to whatever port asked. */
export function isDhcp({ source, destination, payload }: Datagram): boolean {
  return (
    dhcpPorts.has(source.port) ||
    dhcpPorts.has(destination.port) ||
    (payload.length > COOKIE_AT + 4 && readU32(payload, COOKIE_AT) === COOKIE)
  );
}
