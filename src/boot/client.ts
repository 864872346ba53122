import type { Mac } from "../lib/mac.ts";

/** A booting machine: what its request tells, parsed once. */
export interface BootClient {
  readonly mac: Mac;
  /** SMBIOS UUID in text form, from option 97; null when it was not sent or is damaged. */
  readonly uuid: string | null;
  /** How it wants its loader, from option 60; null: it is not a network boot client. */
  readonly transport: "pxe" | "http" | null;
  /** Option 60 as text, empty when absent. */
  readonly vendorClass: string;
  /**
   * What option 60 begins with, by which it was recognised: `PXEClient`, `HTTPClient` or one of
   * `boot.vendorClasses`. Our replies give it back. Null where `transport` is.
   */
  readonly bootClass: string | null;
  /**
   * Option-93 numbers in the order sent, or where they are missing or damaged the one that option 60 names
   * (`PXEClient:Arch:00007`); a Raspberry Pi has just 41. Empty when it announces none.
   */
  readonly architectures: readonly number[];
  /** User classes of option 77, raw or RFC 3004-encoded. Empty when absent. */
  readonly userClasses: readonly string[];
  /** It carries iPXE's own option 175. */
  readonly ipxe: boolean;
  /** It says there what it was built with, and HTTP is not among it. */
  readonly lacksHttp: boolean;
  /** The same of HTTPS. */
  readonly lacksHttps: boolean;
  /** It sends option 93, which only boot firmware does, and option 60 is none that is answered. */
  readonly unknownClass: boolean;
}
