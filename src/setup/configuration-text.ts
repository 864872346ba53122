import { formatSubnet, type Ip4, ip4FromNumber, ip4ToNumber, type Subnet } from "../lib/ip4.ts";

/* Configurations as they are proposed to people. */

export interface LinkProposal {
  readonly interface: string;
  /** This host's on it. */
  readonly address: Ip4;
  readonly subnet: Subnet;
  readonly mode: "proxy" | "full";
}

/** The least that a link needs, to be pasted into `/etc/eim-pxe/eim-pxe.yaml`. */
export function configurationText(link: LinkProposal): string {
  return `# /etc/eim-pxe/eim-pxe.yaml\n${linkText(link, proposedPool(link.subnet, link.address))}`;
}

/** The `interfaces` part of a configuration. */
export function linkText(
  { interface: name, address, subnet, mode }: LinkProposal,
  pool: string | null,
): string {
  const lines = [
    "interfaces:",
    `  - name: ${name}`,
    `    address: ${address}`,
    "    dhcp:",
    `      mode: ${mode}`,
  ];
  if (mode === "proxy") return lines.join("\n");
  return [
    ...lines,
    `      subnet: ${formatSubnet(subnet)}`,
    pool === null ? "      pools: []" : `      pools: ["${pool}"]`,
  ].join("\n");
}

/**
 * A pool for a network of which nothing else is known: addresses 100 to 199 of a network of 256, the upper
 * half of a smaller one, without this host's own. Null where the network has no room.
 */
export function proposedPool(subnet: Subnet, own: Ip4): string | null {
  const size = 2 ** (32 - subnet.prefixLength);
  if (size < 8) return null;
  const base = ip4ToNumber(subnet.network);
  let first = base + (size >= 256 ? 100 : size / 2);
  let last = base + (size >= 256 ? 199 : size - 2);
  const mine = ip4ToNumber(own);
  // Where this host is in the middle, the larger part.
  if (mine >= first && mine <= last) {
    if (mine - first > last - mine) last = mine - 1;
    else first = mine + 1;
  }
  return `${ip4FromNumber(first)}-${ip4FromNumber(last)}`;
}
