import { createHash } from "node:crypto";
import { toHex } from "../../lib/bytes.ts";
import type { Mac } from "../../lib/mac.ts";

/** A hardware address that belongs to no machine (locally administered), the same each time for the same `seed`. */
export function syntheticMac(seed: string): Mac {
  const digest = createHash("sha256").update(`eim-pxe probe ${seed}`).digest();
  return `02:${toHex(digest.subarray(0, 5)).replace(/(..)(?=.)/g, "$1:")}`;
}
