import type { Boot } from "../boot.ts";
import type { BootRule } from "./diagnosis.ts";
import { type BootEvidence, isLastWord, stopsAt } from "./evidence.ts";

/*
 * What is wrong with the machine's cable, its switch port or its address, and a machine that boots the network
 * again and again.
 */

/** A switch port that forwards at once lets the first request through; firmware repeats it after four seconds. */
const firstRepeatSeconds = 4;
/** More than any firmware asks: the field counts something else, or has its bytes the other way round. */
const longestSeconds = 120;
/** A Micro-OS that does its work keeps the machine up, or has it boot its disk. */
export const comesBackMs = 30 * 60_000;
const timesInARow = 4;

export const machineRules: readonly BootRule[] = [
  {
    code: "other-card",
    cause:
      "another network card of the same machine, {mac}, asked after this one: the cable is in that one, or the firmware went on to it",
    remedy:
      "put the cable into the card that is to boot, or set that card first in the firmware's boot order",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E61"], uefi: ["PXE-E12", "PXE-E16"], later: ["040ee1"] },
    when: (evidence) => {
      const { shared } = evidence.site;
      const otherCard = shared?.mac === evidence.site.otherCard ? null : evidence.site.otherCard;
      const waits = stopsAt(evidence, "discover", "offer", "loader-done", "ipxe-offer");
      return waits && otherCard !== null ? { mac: otherCard } : null;
    },
  },
  {
    code: "address-declined",
    cause:
      "the machine declined the address that it was leased: another host on the link has it, and some firmware (Dell) ends its network boot then",
    remedy:
      "find out who uses the address (eim-pxe leases lists it in quarantine; ip neigh show), and switch the machine on again: it is leased another one",
    who: "site",
    certainty: "proved",
    onScreen: { bios: ["PXE-E51"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { boot } = evidence;
      return stopsAt(evidence, "offer", "ipxe-offer") && isLastWord(boot, boot.seen.declined)
        ? {}
        : null;
    },
  },
  {
    code: "address-refused",
    cause:
      "this server refused the address that the machine asked for ({reason}), and the machine did not ask again: some firmware (Dell) ends its network boot then",
    remedy:
      "switch the machine on again: it is offered an address of this link from the start; for one that comes from another network each time, see that its port is in the right VLAN",
    who: "site",
    certainty: "proved",
    onScreen: { bios: ["PXE-E51"], uefi: ["PXE-E16"], later: ["040ee1"] },
    when: (evidence) => {
      const { boot } = evidence;
      const { addressRefused } = boot.seen;
      return stopsAt(evidence, "offer", "ipxe-offer") && isLastWord(boot, addressRefused)
        ? { reason: addressRefused.reason }
        : null;
    },
  },
  {
    code: "port-blocked-first",
    cause:
      "the machine had asked for {seconds} s when its first request arrived, and took no address: its switch port does not forward at once (spanning tree, LACP)",
    remedy: "set the switch port to forward at once (PortFast, edge port)",
    who: "network",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E51"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { firstSecs: seconds, addressAtMs } = evidence.boot.seen;
      const isLate = seconds !== null && seconds >= firstRepeatSeconds && seconds <= longestSeconds;
      return stopsAt(evidence, "discover", "offer") && isLate && addressAtMs === null
        ? { seconds }
        : null;
    },
  },
];

/** What shows in boots of which each by itself is well. */
export const loopRules: readonly BootRule[] = [
  {
    code: "boots-again",
    cause:
      "the Micro-OS came up {times} times in a row, and each time the machine booted from the network again soon after: it is not registered, does not reach the orchestrator, or its disk does not come first in the boot order",
    remedy:
      "register the machine in the orchestrator by its UUID and serial number; see that the machines reach the orchestrator (clock, DNS, proxy, firewall); then set the disk first in the firmware's boot order",
    who: "orchestrator",
    certainty: "inferred",
    onScreen: {},
    when: (evidence) => {
      const times = arrivalsInARow(evidence);
      return times >= timesInARow ? { times } : null;
    },
  },
  {
    code: "identity-shared",
    cause:
      "another machine, {mac}, calls itself by the same {identity}: whoever tells machines apart by it, as the orchestrator does, takes both for one",
    remedy:
      "give one of them an identity of its own (the maker's tool for SMBIOS, or another UUID of the virtual machine) and register it anew; in the nodes file name both by their MAC",
    who: "site",
    certainty: "inferred",
    onScreen: {},
    when: ({ site }) => (site.shared === null ? null : { ...site.shared }),
  },
];

/** When the Micro-OS was first heard, which may report itself ever again. */
export function cameUpAtMs({ steps, updatedAtMs }: Boot): number {
  return steps.find(({ stage }) => stage === "micro-os")?.firstAtMs ?? updatedAtMs;
}

/** How many boots in a row, each soon after the one before, came to the Micro-OS. */
function arrivalsInARow({ boot, earlier }: BootEvidence): number {
  const all = [boot, ...earlier];
  const first = boot.stage === "micro-os" ? 0 : 1;
  let last = first;
  for (; all[last]?.stage === "micro-os"; last += 1) {
    const [later, one] = [all[last - 1], all[last]];
    if (later !== undefined && one !== undefined) {
      if (later.startedAtMs - cameUpAtMs(one) > comesBackMs) break;
    }
  }
  return last - first;
}
