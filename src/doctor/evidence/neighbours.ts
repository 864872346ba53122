import { readFile } from "node:fs/promises";
import type { LinkConfig } from "../../config/schema.ts";
import { ip4ToNumber } from "../../lib/ip4.ts";

/** How many machines of its own links the kernel can know at once, and how many the configuration has addresses for. */
export interface NeighbourState {
  /** Addresses in the pools of links that are served directly; behind a relay agent only the router is a neighbour. */
  readonly machines: number;
  /** `gc_thresh3` (arp(7)): of all links together. */
  readonly most: number;
}

const THRESHOLD = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";

/** Nothing where the kernel does not say, as in a network namespace of its own, whose host's limit holds. */
export async function lookAtNeighbours(
  links: readonly LinkConfig[],
  path = THRESHOLD,
): Promise<readonly NeighbourState[]> {
  const text = (await readFile(path, "utf8").catch(() => "")).trim();
  if (!/^\d+$/.test(text)) return [];
  const pools = links.flatMap(({ dhcp }) => (dhcp.mode === "full" ? dhcp.pools : []));
  const machines = pools.reduce(
    (sum, { first, last }) => sum + ip4ToNumber(last) - ip4ToNumber(first) + 1,
    0,
  );
  return machines === 0 ? [] : [{ machines, most: Number(text) }];
}
