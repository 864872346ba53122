import type { Mac } from "../lib/mac.ts";

/** A booting machine: what its request tells, parsed once. */
export interface BootClient {
  readonly mac: Mac;
  /** SMBIOS UUID in text form, from option 97; null when it was not sent or is no UUID. */
  readonly uuid: string | null;
  /** How it wants its loader, from option 60; null: it is not a network boot client. */
  readonly transport: "pxe" | "http" | null;
  /** Option 60 as text, empty when absent. */
  readonly vendorClass: string;
  /** Option-93 numbers in the order sent; a Raspberry Pi has just 41. Empty when absent or malformed. */
  readonly architectures: readonly number[];
  /** User classes of option 77, raw or RFC 3004-encoded. Empty when absent. */
  readonly userClasses: readonly string[];
  /** It carries iPXE's own option 175. */
  readonly ipxe: boolean;
  /** It says there what it was built with, and HTTP is not among it. */
  readonly lacksHttp: boolean;
  /** What keeps it from being a valid network boot client; empty when it is one. */
  readonly faults: readonly string[];
}
