import { readFileSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { type Mac, parseMac } from "../../lib/mac.ts";
import { TokenBucket } from "../../lib/token-bucket.ts";

/** Linux's table of IPv4 neighbours: address, hardware type, flags, hardware address, mask, device. */
const TABLE = "/proc/net/arp";
/** ATF_COM: the hardware address is known. */
const COMPLETE = 0x2;
/** Whoever sends requests decides how often it is asked, and by addresses that it makes up how long it is. */
const READS = { burst: 100, perSecond: 100 };

/** The hardware address by which this host reaches an address on one of its links; null: it knows none. */
export type NeighbourAt = (address: Ip4) => Mac | null;

/** By the table as it is now; where it is asked very often, as it was some milliseconds ago. */
export function knownNeighbours(clock: Pick<Clock, "now">, read = readTable): NeighbourAt {
  const reads = new TokenBucket(READS, clock.now());
  let table = "";
  return (address) => {
    if (reads.take(clock.now())) table = read();
    return neighbourIn(table, address);
  };
}

function readTable(): string {
  try {
    return readFileSync(TABLE, "latin1");
  } catch {
    // Another operating system than Linux.
    return "";
  }
}

/** Looks at the lines that begin with the address alone: there may be a thousand others. */
export function neighbourIn(table: string, address: Ip4): Mac | null {
  const wanted = `\n${address} `;
  for (let at = table.indexOf(wanted); at !== -1; at = table.indexOf(wanted, at + 1)) {
    const end = table.indexOf("\n", at + 1);
    const line = table.slice(at + 1, end === -1 ? undefined : end);
    const [, , flags, mac = ""] = line.split(/ +/);
    if ((Number(flags) & COMPLETE) !== 0) return parseMac(mac);
  }
  return null;
}
