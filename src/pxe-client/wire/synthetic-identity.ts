import { createHash } from "node:crypto";
import { toHex } from "../../lib/bytes.ts";
import type { Mac } from "../../lib/mac.ts";

/** A hardware address that belongs to no machine (locally administered), the same each time for the same `seed`. */
export function syntheticMac(seed: string): Mac {
  const digest = createHash("sha256").update(`eim-pxe probe ${seed}`).digest();
  return `02:${toHex(digest.subarray(0, 5)).replace(/(..)(?=.)/g, "$1:")}`;
}

/** An SMBIOS UUID that belongs to no machine, the same each time for the same hardware address. */
export function syntheticUuid(mac: Mac): string {
  return `00000000-0000-4000-8000-${mac.replaceAll(":", "")}`;
}
