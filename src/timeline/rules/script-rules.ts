import type { BootRule } from "./diagnosis.ts";
import { enrolKey, httpBlocked } from "../../boot/causes.ts";
import {
  type BootEvidence,
  hostOf,
  isLastWord,
  stepOf,
  stopsAt,
  textOf,
  tookAddress,
} from "./evidence.ts";

/*
 * Why iPXE does not come to its script, to the kernel or to the initramfs, and why the kernel does not come up.
 */

/** How far apart two downloads may have ended that broke off for want of the same memory. */
const samePlaceBytes = 4 * 1024 * 1024;

export const scriptRules: readonly BootRule[] = [
  {
    ...httpBlocked,
    certainty: "inferred",
    onScreen: { later: ["4c0a60", "0f0a60", "280a60"] },
    when: (evidence) => {
      const { boot } = evidence;
      const told = boot.stage === "offer" || boot.stage === "ipxe-offer" ? boot.stage : null;
      const host = told === null ? null : hostOf(textOf(stepOf(boot, told), "boots"));
      const asked = told === "offer" ? "discover" : "ipxe-discover";
      return host !== null && tookAddress(evidence, asked)
        ? { host, seen: "the machine has an address and the URL, and no request of it arrived" }
        : null;
    },
  },
  {
    code: "ipxe-no-address",
    cause:
      "iPXE asked and was told its script's URL, and did not take an address from any DHCP server",
    remedy:
      "check that the site's DHCP server has free addresses and answers iPXE too, and that the switch port forwards at once (PortFast)",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["040ee1"] },
    when: (evidence) =>
      stopsAt(evidence, "ipxe-offer") && !tookAddress(evidence, "ipxe-discover") ? {} : null,
  },
  {
    code: "kernel-refused",
    cause:
      "iPXE could not start the kernel: the firmware refused it (Secure Boot), or it is for another processor",
    remedy: `switch Secure Boot off in the firmware's set-up, or have it know the orchestrator's key (keys/db.der, made anew by each of its installations): ${enrolKey}. Compare the kernel's architecture with the machine's`,
    who: "site",
    certainty: "reported",
    onScreen: { later: ["7f0481", "7f0482"] },
    when: ({ boot }) => {
      const { bootingAtMs, failed } = boot.seen;
      return bootingAtMs !== null && isLastWord(boot, failed) && failed.atMs > bootingAtMs
        ? {}
        : null;
    },
  },
  {
    code: "kernel-unusable",
    cause:
      "the whole kernel was fetched and iPXE did not go on to the initramfs: the file is no kernel that this machine's iPXE can load",
    remedy:
      "run eim-pxe artifacts verify, and compare the kernel's architecture with the machine's",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["2e0080", "7f0481"] },
    when: (evidence) =>
      stopsAt(evidence, "kernel") && evidence.boot.seen.kernelDoneAtMs !== null ? {} : null,
  },
  {
    code: "too-little-memory",
    cause:
      "the machine broke off the download of {file} {times} times at about the same place: its memory does not hold the file ({megabytes} MB)",
    remedy: "give the machine more memory; the Micro-OS unpacked takes several times that size",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["Out of memory (31....)"] },
    when: (evidence) => {
      const again = repeatedAbortOf(evidence);
      return stopsAt(evidence, "initramfs-start") && again !== null
        ? { file: again.file, times: again.times, megabytes: Math.round(again.bytes / 1e6) }
        : null;
    },
  },
  {
    code: "kernel-not-started",
    cause:
      "kernel and initramfs were fetched, and the script did not come to start the kernel, as it does on other machines here: iPXE refused one of the files",
    remedy: "look at the machine's screen for iPXE's message, and run eim-pxe artifacts verify",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["2e0080", "7f0481"] },
    when: (evidence) =>
      stopsAt(evidence, "initramfs-done") &&
      evidence.boot.seen.bootingAtMs === null &&
      evidence.site.othersReportBooting
        ? {}
        : null,
  },
  {
    code: "micro-os-not-up",
    cause:
      "the kernel was started and the Micro-OS did not report: the machine's memory does not hold the unpacked initramfs ({megabytes} MB packed), or the Micro-OS has no driver for its network card",
    remedy:
      "look at the machine's screen (Initramfs unpacking failed, unable to mount root); give the machine more memory",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["Initramfs unpacking failed", "VFS: Unable to mount root fs"] },
    when: (evidence) => {
      const { boot } = evidence;
      const bytes = Number(stepOf(boot, "initramfs-start")?.detail["bytes"] ?? 0);
      return stopsAt(evidence, "initramfs-done") && boot.seen.bootingAtMs !== null
        ? { megabytes: Math.round(bytes / 1e6) }
        : null;
    },
  },
  {
    code: "script-failed",
    cause: "the machine reported that its boot script failed",
    remedy:
      "look at the machine's screen for iPXE's message, and for events of this machine in the log",
    who: "site",
    certainty: "reported",
    onScreen: {},
    when: ({ boot }) => (isLastWord(boot, boot.seen.failed) ? {} : null),
  },
];

/** A file whose download the machine broke off again and again at about the same place. */
function repeatedAbortOf({ boot }: BootEvidence) {
  const last = boot.seen.aborted.at(-1);
  if (last === undefined) return null;
  const alike = boot.seen.aborted.filter(
    ({ file, bytesSent }) =>
      file === last.file && Math.abs(bytesSent - last.bytesSent) <= samePlaceBytes,
  );
  return alike.length >= 2 ? { ...last, times: alike.length } : null;
}
