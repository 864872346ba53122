import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";

export interface NodeRoute {
  readonly network: Ip4;
  readonly prefixLength: number;
  readonly via: Ip4;
}

/** What the administrator says of one machine. Null: the link's or the program's value holds. */
export interface NodeEntry {
  readonly mac: Mac | null;
  readonly uuid: string | null;
  readonly serial: string | null;
  readonly name: string | null;
  readonly address: Ip4 | null;
  readonly netmask: Ip4 | null;
  readonly router: readonly Ip4[] | null;
  readonly dns: readonly Ip4[] | null;
  readonly ntp: readonly Ip4[] | null;
  readonly domain: string | null;
  readonly domainSearch: readonly string[];
  readonly broadcast: Ip4 | null;
  readonly leaseSeconds: number | null;
  readonly routes: readonly NodeRoute[];
  /** Further DHCP options, already encoded. */
  readonly options: readonly { readonly code: number; readonly value: Uint8Array }[];
  /** False: this machine's DHCP requests are never answered. */
  readonly dhcp: boolean;
  readonly netboot: "allow" | "deny";
  readonly loader: string | null;
  readonly scriptUrl: string | null;
  readonly kernelArgs: readonly string[];
}

/** Finds the entry of a machine by what is known of it; null: no entry matches. */
export type FindNode = (machine: {
  readonly mac: Mac;
  readonly uuid: string | null;
  readonly serial: string | null;
}) => NodeEntry | null;
