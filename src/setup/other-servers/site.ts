import type { Ip4, Subnet } from "../../lib/ip4.ts";

/** What another DHCP server has to say of this site, where it is the one that says what to boot. */
export interface BootSite {
  readonly interface: string;
  /** Ours on the machines' link. */
  readonly address: Ip4;
  /** Who serves the loaders by TFTP: ours, or the host of `tftp.advertise`. */
  readonly tftpServer: Ip4;
  readonly subnet: Subnet;
  readonly mode: "proxy" | "full" | "off";
  /** Loaders by option-93 number, in rising order. */
  readonly loaders: readonly BootLoader[];
  /** What iPXE is to run. */
  readonly scriptUrl: string;
  /** User classes of iPXE, by option 77. */
  readonly userClasses: readonly string[];
}

export interface BootLoader {
  /** The number in option 93. */
  readonly code: number;
  /** `x86-64 UEFI`. */
  readonly machine: string;
  /** A word for it that every product takes as a name: `arch7`. */
  readonly tag: string;
  /** The name by TFTP, or the URL for firmware that fetches by HTTP. */
  readonly file: string;
  readonly byHttp: boolean;
}

/** A product, in its own language: all lines may be pasted where `where` says; comments begin with `comment`. */
export interface OtherServer {
  readonly title: string;
  readonly where: string;
  readonly comment: string;
  /** Takes away what would compete with us in mode proxy. */
  readonly remove: (site: BootSite) => readonly string[];
  /** Has it say what to boot itself, for mode off. */
  readonly set: (site: BootSite) => readonly string[];
  /** Has it leave the link to us, for mode full. */
  readonly stop: (site: BootSite) => readonly string[];
}

/** `7` → `0x0007`. */
export function hexOf(code: number): string {
  return `0x${code.toString(16).padStart(4, "0")}`;
}
