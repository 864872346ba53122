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
  readonly subnet: Subnet;
} & (
  | { readonly mode: "proxy" }
  | {
      readonly mode: "full";
      readonly full: FullSettings;
      readonly relayed: readonly RelayedNetwork[];
    }
);

/** A link in mode full. */
export type FullLink = Extract<Link, { mode: "full" }>;
