import { formatSubnet, type Ip4, ip4FromNumber, ip4ToNumber, type Subnet } from "../lib/ip4.ts";

/* Configurations as they are proposed to people. */

export interface LinkProposal {
  readonly interface: string;
  /** This host's on it. */
  readonly address: Ip4;
  readonly subnet: Subnet;
  readonly mode: "proxy" | "full";
}

export interface SiteProposal extends LinkProposal {
  /** Mode full: the addresses to give out; null: reservations only. */
  readonly pool: string | null;
  /** Null: not known yet. */
  readonly origin: string | null;
  readonly ca: CaProposal;
  /** Nobody has looked at the orchestrator's certificate yet. */
  readonly isUnseen: boolean;
}

export interface CaProposal {
  readonly file: string | null;
  readonly url: string | null;
  readonly sha256: string | null;
}

/** A whole configuration with comments, as `init` writes it. */
export function siteText(site: SiteProposal): string {
  const { origin, ca, mode, pool, isUnseen } = site;
  const why = {
    proxy:
      "# The site's own DHCP server goes on giving out addresses; this one says what to boot (mode proxy).",
    full: "# This is the only DHCP server of the link (mode full). It refuses to start while another one answers there.",
  }[mode];
  const artifacts =
    origin === null
      ? [
          "# Not known yet: the orchestrator's URL that ends in /tink-stack. Without it no machine boots until a set of",
          "# files is brought here with: eim-pxe artifacts import PATH",
          "# artifacts:",
          "#   origin: https://tinkerbell-haproxy.CLUSTER-DOMAIN/tink-stack",
        ]
      : ["artifacts:", `  origin: ${quoted(origin)}`, ...caLines(ca, isUnseen)];
  return `${[
    "# eim-pxe: boots this site's machines over the network. Every key: docs/configuration.md of the package;",
    "# eim-pxe check says whether this file is right, eim-pxe doctor what else is in the way of a boot.",
    "",
    "# Generations of the Micro-OS, leases and what was learnt about machines; never a temporary folder.",
    "dataDir: /var/lib/eim-pxe",
    "",
    why,
    linkText(site, pool),
    ...(mode === "full"
      ? [
          "      # What machines and the systems on them get besides; remove the # where it is so.",
          "      # router: ADDRESS",
          "      # dns: [ADDRESS]",
        ]
      : []),
    "",
    "# Where the Micro-OS comes from, and whose signature on that server's certificate is believed.",
    ...artifacts,
    "",
    "# Machines that no entry of a nodes file names: allow, or deny.",
    "nodes:",
    "  unknown: allow",
    "  # file: nodes.yaml",
    "",
    "# The dashboard, the API and metrics, for people on this host. From elsewhere it needs a token: admin.tokenFile.",
    "admin:",
    "  listen: 127.0.0.1:8081",
  ].join("\n")}\n`;
}

function caLines({ file, url, sha256 }: CaProposal, isUnseen: boolean): readonly string[] {
  if (file !== null) return ["  ca:", `    file: ${quoted(file)}`];
  if (url === null && isUnseen) {
    return [
      "  # It did not answer, so nobody has looked at its certificate. Most orchestrators have a CA of their own:",
      "  # ca: { file: FILE }, or run eim-pxe init --force when it answers, which finds out.",
    ];
  }
  if (url === null) return ["  # A public CA has signed its certificate; else: ca: { file: FILE }"];
  return [
    "  ca:",
    `    url: ${quoted(url)}`,
    ...(sha256 === null
      ? [
          "    # The first CA that comes is believed. Better: sha256: FINGERPRINT of the orchestrator's operator",
        ]
      : [`    sha256: "${sha256}"`]),
  ];
}

/** As YAML reads it back, whatever is in it. */
function quoted(text: string): string {
  return JSON.stringify(text);
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
    `  - name: ${/^(?!null$|true$|false$)[a-z][\w.-]*$/i.test(name) ? name : quoted(name)}`,
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
