import type { Ip4, Subnet } from "../lib/ip4.ts";

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly first: Ip4;
  readonly last: Ip4;
}

/** A DHCP option as the configuration gives it, already encoded. */
export interface FixedOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** What mode full hands out on a link. */
export interface FullSettings {
  readonly pools: readonly AddressRange[];
  readonly router: readonly Ip4[];
  readonly dns: readonly Ip4[];
  readonly ntp: readonly Ip4[];
  readonly logServers: readonly Ip4[];
  readonly domain: string | null;
  /** Default: none. */
  readonly domainSearch?: readonly string[];
  /** An operating system's lease. */
  readonly leaseSeconds: number;
  /** Firmware's and iPXE's lease. */
  readonly netbootLeaseSeconds: number;
  readonly options: readonly FixedOption[];
  /** NAK an address that is known to be wrong on this link. */
  readonly authoritative: boolean;
}

/** A network behind relay agents, and what is handed out there. */
export interface RelayedNetwork {
  readonly subnet: Subnet;
  readonly full: FullSettings;
}

/** A network link that is served, and how. */
export type Link = {
  /** The network device, e.g. `eth1`. */
  readonly interface: string;
  /** Our own address on it: server identifier, TFTP and HTTP server. */
  readonly address: Ip4;
  /** What machines are told instead, where they reach that address by another one (NAT, a load balancer). */
  readonly advertised?: Ip4 | null;
  /** Who serves loaders by TFTP in our place; absent or null: we do. */
  readonly tftpServer?: Ip4 | null;
  readonly subnet: Subnet;
} & (
  | { readonly mode: "proxy" }
  | {
      readonly mode: "full";
      readonly full: FullSettings;
      readonly relayed: readonly RelayedNetwork[];
    }
);

/** Ours on a link. */
export type Addresses = Pick<Link, "address" | "advertised">;

/** The address by which the link's machines reach us: in option 54, as next server, in URLs. */
export function advertisedAddress({ address, advertised }: Addresses): Ip4 {
  return advertised ?? address;
}

/** The address by which they reach the TFTP server. */
export function tftpAddress(link: Addresses & Pick<Link, "tftpServer">): Ip4 {
  return link.tftpServer ?? advertisedAddress(link);
}

/** Whether `address` is ours, as the link has it or as its machines are told. */
export function isOurs(link: Addresses, address: Ip4): boolean {
  return address === link.address || address === link.advertised;
}

/** A link in mode full. */
export type FullLink = Extract<Link, { mode: "full" }>;
