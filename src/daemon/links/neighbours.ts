import { readFileSync } from "node:fs";
import type { Ip4 } from "../../lib/ip4.ts";
import { type Mac, parseMac } from "../../lib/mac.ts";

/** Linux's table of IPv4 neighbours: address, hardware type, flags, hardware address, mask, device. */
const TABLE = "/proc/net/arp";
/** ATF_COM: the hardware address is known. */
const COMPLETE = 0x2;

/** The hardware address by which this host reaches an address on one of its links; null: it knows none. */
export function neighbourAt(address: Ip4): Mac | null {
  let table: string;
  try {
    table = readFileSync(TABLE, "latin1");
  } catch {
    // Another operating system than Linux.
    return null;
  }
  return neighbourIn(table, address);
}

export function neighbourIn(table: string, address: Ip4): Mac | null {
  for (const line of table.split("\n").slice(1)) {
    const [ip, , flags, mac = ""] = line.trim().split(/\s+/);
    if (ip === address && (Number(flags) & COMPLETE) !== 0) return parseMac(mac);
  }
  return null;
}
