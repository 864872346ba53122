import type { Config } from "../../config/schema.ts";
import { listing, type NetworkInterface } from "../../net/interfaces.ts";
import { check, type Fault } from "../check.ts";
import type { FilterVerdict } from "../firewall/chains.ts";
import type { DoctorLink, DoctorSite } from "../site.ts";
import { lookAtFirewall } from "../evidence/firewall.ts";
import { type DiskState, lookAtDisk } from "../evidence/disk.ts";

/* Checks of the host itself: configuration, interfaces, firewall, disk. */

interface LinkState {
  readonly link: DoctorLink;
  readonly there: NetworkInterface | null;
  readonly all: readonly NetworkInterface[];
}

const interfaceFaults: readonly Fault<LinkState>[] = [
  {
    code: "interface-unknown",
    cause: "there is no network interface {name}; this host has {others}",
    remedy:
      "correct the name (interfaces[].name, or --interface), or bring the interface: ip link shows which there are",
    who: "site",
    status: "fail",
    when: ({ link, there, all }) =>
      there === null ? { name: link.name, others: listing(all) } : null,
  },
  {
    code: "interface-down",
    cause: "the network interface {name} is switched off",
    remedy:
      "switch it on: ip link set {name} up; and have the host's network configuration do so at each start",
    who: "site",
    status: "fail",
    when: ({ link: { name }, there }) => (there?.up === false ? { name } : null),
  },
  {
    code: "interface-no-carrier",
    cause:
      "the network interface {name} is on and has no carrier: no cable is in, or the other end is switched off",
    remedy: "put the cable in, and check that the port of the switch is enabled",
    who: "network",
    status: "fail",
    when: ({ link: { name }, there }) => (there?.carrier === false ? { name } : null),
  },
  {
    code: "interface-not-broadcast",
    cause: "the network interface {name} cannot carry broadcasts, and DHCP needs them",
    remedy: "name the Ethernet interface on the machines' link under interfaces, not a tunnel",
    who: "site",
    status: "fail",
    when: ({ link: { name }, there }) =>
      there?.broadcast === false && !there.loopback ? { name } : null,
  },
  {
    code: "interface-no-address",
    cause: "the network interface {name} has no IPv4 address",
    remedy:
      "give it a fixed one: ip addr add ADDRESS/PREFIX dev {name}; and write it into the host's network configuration",
    who: "site",
    status: "fail",
    when: ({ link: { name }, there }) => (there?.addresses.length === 0 ? { name } : null),
  },
  {
    code: "interface-other-address",
    cause: "the network interface {name} does not have the address {address}; it has {others}",
    remedy: "correct interfaces[].address, or give the interface that address",
    who: "site",
    status: "fail",
    when: ({ link: { name, address }, there }) => {
      if (address === null || there === null) return null;
      const own = there.addresses.map((one) => one.address);
      return own.includes(address) ? null : { name, address, others: own.join(", ") };
    },
  },
];

export const interfaceCheck = check<Pick<DoctorSite, "links" | "interfaces">, LinkState>({
  id: "interface",
  // While the server runs, events link-down and link-up say it.
  quick: false,
  look: ({ links, interfaces }) =>
    links.map((link) => ({
      link,
      there: interfaces.find(({ name }) => name === link.name) ?? null,
      all: interfaces,
    })),
  faults: interfaceFaults,
  fine: ({ link: { name, ours, mode } }) => `${name} is up with ${ours ?? ""}; DHCP mode ${mode}`,
});

export const configurationCheck = check<DoctorSite, DoctorSite>({
  id: "configuration",
  quick: false,
  look: (site) => [site],
  faults: [
    {
      code: "configuration-missing",
      cause: "there is no configuration file, so the built-in defaults hold",
      remedy: "write one with: eim-pxe init",
      who: "site",
      status: "warn",
      when: ({ file }) => (file === null ? {} : null),
    },
  ],
  fine: ({ file }) => `${file ?? ""} is right`,
});

export interface FirewallState {
  readonly interface: string;
  /** `UDP 67`. */
  readonly what: string;
  /** Null: it could not be asked. */
  readonly verdict: FilterVerdict | null;
  readonly reason: string | null;
  /** The kernel's packet filter that no program here can read, as in a container; null: none. */
  readonly filter: string | null;
  /** A command that lets the packet in. */
  readonly command: string;
}

/** What DHCP servers broadcast to their clients, as `what` has it. */
const answers = "UDP 68";

export const firewallFaults: readonly Fault<FirewallState>[] = [
  {
    code: "firewall-not-seen",
    cause:
      "this host's kernel filters packets ({filter}), and neither nft nor iptables is installed here, as in a container: whether what machines send is dropped cannot be seen",
    remedy:
      "look at the rules on the host itself (nft list ruleset, ufw status, firewall-cmd --list-all); docs/network.md names the ports to let in",
    who: "site",
    status: "warn",
    when: ({ verdict, filter }) => (verdict === null && filter !== null ? { filter } : null),
  },
  {
    code: "firewall-unread",
    cause: "the rules of this host's firewall could not be read: {reason}",
    remedy: "run eim-pxe doctor as root, which may read them",
    who: "site",
    status: "warn",
    when: ({ verdict, reason }) => (verdict === null ? { reason: reason ?? "" } : null),
  },
  {
    code: "firewall-drops",
    cause:
      "the firewall of this host drops {what} that comes in on {interface}: chain {chain}, {rule}",
    remedy: "let it in: {command}; and write that into the firewall's own configuration, to stay",
    who: "site",
    status: "fail",
    when: ({ verdict, what, interface: name, command }) =>
      verdict?.kind === "drop" && what !== answers
        ? { what, interface: name, chain: verdict.chain, rule: shortened(verdict.rule), command }
        : null,
  },
  {
    code: "firewall-drops-answers",
    cause:
      "the firewall of this host drops {what} that comes in on {interface}, by which other DHCP servers of the link are heard: chain {chain}, {rule}; machines boot, but a second server that hands out addresses or says what to boot would not be noticed",
    remedy: "let it in: {command}; and write that into the firewall's own configuration, to stay",
    who: "site",
    status: "warn",
    when: ({ verdict, what, interface: name, command }) =>
      verdict?.kind === "drop" && what === answers
        ? { what, interface: name, chain: verdict.chain, rule: shortened(verdict.rule), command }
        : null,
  },
  {
    code: "firewall-unclear",
    cause:
      "the firewall of this host may drop {what} that comes in on {interface} (chain {chain}): it depends on a rule that cannot be judged beforehand",
    remedy: "make sure that it is let in: {command}",
    who: "site",
    status: "warn",
    when: ({ verdict, what, interface: name, command }) =>
      verdict?.kind === "unclear" ? { what, interface: name, chain: verdict.chain, command } : null,
  },
];

export const firewallCheck = check<DoctorSite, FirewallState>({
  id: "firewall",
  quick: true,
  look: lookAtFirewall,
  faults: firewallFaults,
  fine: ({ what, interface: name, reason }) => reason ?? `lets ${what} in on ${name}`,
});

function shortened(text: string): string {
  const plain = text.replaceAll("|", "/");
  return plain.length > 160 ? `${plain.slice(0, 160)}…` : plain;
}

const MB = 1e6;
const mega = (bytes: number): number => Math.floor(bytes / MB);

const diskFaults: readonly Fault<DiskState>[] = [
  {
    code: "data-folder-no-folder",
    cause: "{file} is a file, where {folder} has to be a folder",
    remedy: "move that file away, or set dataDir to another folder",
    who: "site",
    status: "fail",
    when: ({ folder, file }) => (file === null ? null : { folder, file }),
  },
  {
    code: "data-folder-unusable",
    cause: "{folder} cannot be written by this user: {reason}",
    remedy:
      "create it for the user that the server runs as: install -d -o USER -m 750 {folder}; or set dataDir",
    who: "site",
    status: "fail",
    when: ({ folder, reason }) => (reason === null ? null : { folder, reason }),
  },
  {
    code: "disk-nearly-full",
    cause:
      "{free} MB are free on the disk of {folder}, and a new generation of the Micro-OS takes about {needed} MB",
    remedy:
      "free some space, move dataDir to a larger disk, or lower artifacts.keepGenerations to 1",
    who: "site",
    status: "fail",
    when: ({ folder, freeBytes, neededBytes }) =>
      freeBytes < neededBytes ? { folder, free: mega(freeBytes), needed: mega(neededBytes) } : null,
  },
  {
    code: "disk-no-inodes",
    cause: "the disk of {folder} has no room for more files: its inodes are used up",
    remedy: "remove small files that nobody needs (df -i shows the disks, du --inodes the folders)",
    who: "site",
    status: "fail",
    when: ({ folder, freeInodes }) => (freeInodes === 0 ? { folder } : null),
  },
  {
    code: "data-folder-in-memory",
    cause: "{folder} is in memory (tmpfs): leases and the mirror are lost when this host restarts",
    remedy: "set dataDir to a folder on a disk, such as /var/lib/eim-pxe",
    who: "site",
    status: "warn",
    when: ({ folder, inMemory }) => (inMemory ? { folder } : null),
  },
  {
    code: "disk-getting-full",
    cause:
      "{free} MB are free on the disk of {folder}: enough for one new generation of the Micro-OS (about {needed} MB), not for two",
    remedy: "plan for more space",
    who: "site",
    status: "warn",
    when: ({ folder, freeBytes, neededBytes }) =>
      freeBytes < 2 * neededBytes
        ? { folder, free: mega(freeBytes), needed: mega(neededBytes) }
        : null,
  },
];

interface Disk {
  readonly settings: { readonly config: Pick<Config, "dataDir"> };
}

export const diskCheck = check<Disk, DiskState>({
  id: "disk",
  quick: true,
  look: ({ settings: { config } }) => lookAtDisk(config.dataDir),
  faults: diskFaults,
  fine: ({ folder, freeBytes }) => `${mega(freeBytes)} MB are free on the disk of ${folder}`,
});
