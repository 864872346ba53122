import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { LocalBootSetting } from "./local-boot.ts";

export interface NodeRoute {
  readonly network: Ip4;
  readonly prefixLength: number;
  readonly via: Ip4;
}

/** By what an entry matches machines. */
export const identities = ["mac", "uuid", "serial"] as const;
export type Identity = (typeof identities)[number];

export const netbootWords = ["allow", "deny", "once"] as const;
/** Whether a machine may network-boot; `once`: until one boot of it has reached the Micro-OS. */
export type Netboot = (typeof netbootWords)[number];

/** What Tinkerbell's HookOS is told of a machine (`boot.script: hook`). Null: the site's value holds. */
export interface NodeHook {
  /** The folder of kernel and initramfs, without a slash at the end. */
  readonly url: string | null;
  /** Names in that folder, or URLs. */
  readonly kernel: string | null;
  readonly initrd: string | null;
  /** As in the names of the files, such as `x86_64`; null: as iPXE says. */
  readonly arch: string | null;
  readonly facility: string | null;
  readonly vlanId: string | null;
  /** By which the Tink server knows its worker; null: its MAC. */
  readonly workerId: string | null;
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
  readonly netboot: Netboot;
  /** Why it may not network-boot, where that is more than its `netboot: deny`. Default: null. */
  readonly denied?: string | null;
  /** How it is sent on to its disk when it may not network-boot. Default: null, as the configuration says. */
  readonly localBoot?: LocalBootSetting | null;
  /** It also holds for machines whose MAC, UUID or serial number fits one with wildcards. Default: none. */
  readonly wildcards?: Readonly<Partial<Record<Identity, string>>>;
  readonly loader: string | null;
  readonly scriptUrl: string | null;
  /** The text of its iPXE script; `scriptUrl` goes before it. Default: null. */
  readonly script?: string | null;
  /** Default: null. */
  readonly hook?: NodeHook | null;
  /** The ISO image that its BMC is given, by `iso`. Default: null, the site's. */
  readonly isoUrl?: string | null;
  readonly kernelArgs: readonly string[];
  /** What PXELINUX and U-Boot are told to boot, in their own words. Default: null, the same as iPXE. */
  readonly pxelinux?: string | null;
  /** Of a Raspberry Pi that boots by its own boot loader. Default: null. */
  readonly raspberryPi?: RaspberryPi | null;
  /** Nothing but an address is known: whether the machine may boot is decided as of an unknown one. Default: false. */
  readonly isReservationOnly?: boolean;
}

/** What a Raspberry Pi gets in the folder of its serial number. */
export interface RaspberryPi {
  /** The text of `config.txt`; null: the file that is there. */
  readonly config: string | null;
  /** The folder below the asset folder from which it gets what is not in its own; null: nothing. */
  readonly firmware: string | null;
}

/** An entry that says nothing. */
export const emptyNode: NodeEntry = {
  mac: null,
  uuid: null,
  serial: null,
  name: null,
  address: null,
  netmask: null,
  router: null,
  dns: null,
  ntp: null,
  domain: null,
  domainSearch: [],
  broadcast: null,
  leaseSeconds: null,
  routes: [],
  options: [],
  dhcp: true,
  netboot: "allow",
  loader: null,
  scriptUrl: null,
  kernelArgs: [],
};

/** Whether nothing says of a machine with this entry that it is one of the site's. */
export function isUnknown(node: Pick<NodeEntry, "isReservationOnly"> | null): boolean {
  return node === null || node.isReservationOnly === true;
}

/**
 * Whether an entry names this very machine, by its MAC or its UUID. What a wildcard fits may be anybody's hardware
 * address: such a machine is the site's to boot, but does not go before others.
 */
export function isNamed(node: NodeEntry | null, mac: Mac): node is NodeEntry {
  if (node === null) return false;
  return node.mac === mac || (node.uuid !== null && node.wildcards === undefined);
}

/** Finds the entry of a machine by what is known of it; null: no entry matches. */
export type FindNode = (machine: {
  readonly mac: Mac;
  readonly uuid: string | null;
  readonly serial: string | null;
}) => NodeEntry | null;
