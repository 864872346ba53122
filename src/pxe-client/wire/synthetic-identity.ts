import { createHash } from "node:crypto";
import { toHex } from "../../lib/bytes.ts";
import type { Mac } from "../../lib/mac.ts";

/** A hardware address of no machine (locally administered), the same each time for the same `seed`. */
export function locallyAdministeredMac(seed: string): Mac {
  const digest = createHash("sha256").update(`eim-pxe probe ${seed}`).digest();
  return `02:${toHex(digest.subarray(0, 5)).replace(/(..)(?=.)/g, "$1:")}`;
}

/** An SMBIOS UUID that belongs to no machine, the same each time for the same hardware address. */
export function uuidFor(mac: Mac): string {
  return `00000000-0000-4000-8000-${mac.replaceAll(":", "")}`;
}
