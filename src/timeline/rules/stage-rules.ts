import type { BootRule } from "./diagnosis.ts";
import { firmwareOf, stopsAt } from "./evidence.ts";
import type { Stage } from "../stages.ts";

/*
 * What is likely wrong with a boot that stands still, where nothing is known but the stage that it
 * reached: one row for each stage but the last.
 */

export const stageRules: readonly BootRule[] = [
  {
    code: "no-offer",
    cause:
      "the firmware asked and no offer of ours left: policy or its architecture forbids the boot",
    remedy: "look for event dhcp-refused of this machine, which has the reason",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E51", "PXE-E53"], uefi: ["PXE-E16"] },
    when: reached("discover"),
  },
  {
    code: "url-not-fetched",
    cause:
      "the firmware was told the URL of its loader and did not ask for it: it got no address, a firewall drops TCP to our HTTP port, or it accepts no plain HTTP",
    remedy:
      "run eim-pxe probe --firmware uefi-http on this link, which names the cause; allow HTTP in the firmware's set-up",
    who: "site",
    certainty: "inferred",
    onScreen: { uefi: ["PXE-E18", "PXE-E99"] },
    when: (evidence) =>
      stopsAt(evidence, "offer") && firmwareOf(evidence.boot) === "uefi-http" ? {} : null,
  },
  {
    code: "offer-not-taken",
    cause:
      "the firmware did not take our offer or could not reach our TFTP server: another DHCP server sends option 60 PXEClient, the machine got no address, or a firewall drops UDP port 69",
    remedy: "run eim-pxe probe on this link, which names the cause",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E51", "PXE-E53"], uefi: ["PXE-E16"] },
    when: reached("offer"),
  },
  {
    code: "loader-unfinished",
    cause:
      "the loader's transfer did not finish: packets are lost on the way, or a firewall lets port 69 through but not the answers from other ports",
    remedy:
      "look for event tftp-failed of this machine; let UDP through from the ports of tftp.dataPorts",
    who: "network",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E32", "PXE-E35"], uefi: ["PXE-E18"] },
    when: reached("loader-start"),
  },
  {
    code: "no-script-offer",
    cause: "iPXE asked and no offer of ours left",
    remedy: "look for event dhcp-refused of this machine, which has the reason",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["2d03e1"] },
    when: reached("ipxe-discover"),
  },
  {
    code: "kernel-not-fetched",
    cause: "the script was fetched and the kernel was not",
    remedy:
      "look at the machine's screen for iPXE's message, and for events http-refused of this machine",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["2d0c61", "4c0a60"] },
    when: reached("script"),
  },
  {
    code: "kernel-unfinished",
    cause:
      "the kernel's download did not finish: the connection broke, or the machine has too little memory",
    remedy: "look at the machine's screen, and for events download-aborted of this machine",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["4c0a60"] },
    when: reached("kernel"),
  },
  {
    code: "initramfs-unfinished",
    cause:
      "the initramfs's download did not finish: the connection broke, or the machine has too little memory for it",
    remedy: "look at the machine's screen, and for events download-aborted of this machine",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["4c0a60"] },
    when: reached("initramfs-start"),
  },
  {
    code: "micro-os-silent",
    cause:
      "everything was fetched and the Micro-OS did not report: Secure Boot refused the kernel, it has no driver for the network card, or it waits for the network",
    remedy: "look at the machine's screen; switch Secure Boot off, or enrol the orchestrator's key",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["7f0481"] },
    when: reached("initramfs-done"),
  },
];

/** The condition that the boot went as far as this stage and no further. */
function reached(stage: Stage): BootRule["when"] {
  return (evidence) => (stopsAt(evidence, stage) ? {} : null);
}
