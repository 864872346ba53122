import { enrolKey } from "../../boot/causes.ts";
import type { BootRule } from "./diagnosis.ts";
import {
  type BootEvidence,
  fellSilent,
  firmwareOf,
  isLastWord,
  loaderRunsOf,
  stepOf,
  stopsAt,
  textOf,
} from "./evidence.ts";

/*
 * Why a loader does not come to the machine whole, or is not heard of once it is there.
 */

/** BIOS has 640 kB for the loader and itself; undionly.kpxe has some 70 kB, ipxe.kpxe 400 kB. */
const biosBytes = 600_000;
/** What every Ethernet carries: RFC 1350's 512 bytes are never too large. */
const alwaysFits = 512;

/** What shows only when a machine starts over and over, however short its boots are. */
export const repetitionRules: readonly BootRule[] = [
  {
    code: "user-class-unknown",
    cause:
      'the loader runs and says that it is "{userClass}" (DHCP option 77), which is not in boot.userClasses: it is given the loader again',
    remedy: "add {userClass} to boot.userClasses",
    who: "site",
    certainty: "proved",
    onScreen: { later: ["iPXE initialising devices, again and again"] },
    when: (evidence) => {
      const { boot, earlier } = evidence;
      const userClass = textOf(stepOf(boot, "discover"), "userClass");
      const before = earlier[0];
      const fetched =
        boot.attempt > 1 && before?.stage === "loader-done" && before.seen.autoexecAtMs === null;
      return stopsAt(evidence, "discover", "offer", "loader-start", "loader-done") &&
        userClass !== null &&
        fetched
        ? { userClass }
        : null;
    },
  },
  {
    code: "loader-refused",
    cause:
      "the firmware fetched the loader {times} times in a row, did not start it and asked again: Secure Boot refuses it",
    remedy: `either switch Secure Boot off in the firmware's set-up, or add a signed loader and enrol its key (eim-pxe artifacts list): ${enrolKey}. The screen says Access Denied or Security Violation`,
    who: "site",
    certainty: "inferred",
    onScreen: { uefi: ["Access Denied", "Security Violation"] },
    when: (evidence) => {
      const times = refusedWithScript(evidence);
      if (times !== null) return { times };
      const { inVain, cameBack } = loaderRunsOf(evidence);
      return stopsAt(evidence, "discover", "offer", "loader-start", "loader-done") &&
        firmwareOf(evidence.boot) !== "bios" &&
        inVain >= 2 &&
        cameBack
        ? { times: inVain }
        : null;
    },
  },
];

export const loaderRules: readonly BootRule[] = [
  {
    code: "loader-too-large",
    cause:
      "BIOS firmware was given {file} ({kilobytes} kB), which is a UEFI program or does not fit into the memory that BIOS has for a loader",
    remedy:
      "give BIOS machines undionly.kpxe: first remove the entry for 0 (which stands for BIOS machines) from boot.loaders; if that does not help, remove the loader from this machine's entry in the nodes file",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E79"] },
    when: (evidence) => {
      const { boot } = evidence;
      const step = stepOf(boot, "loader-start");
      const file = textOf(step, "file") ?? "";
      const bytes = Number(step?.detail["bytes"] ?? 0);
      const unfit = file.toLowerCase().endsWith(".efi") || bytes > biosBytes;
      return stopsAt(evidence, "loader-start", "loader-done") &&
        firmwareOf(boot) === "bios" &&
        unfit
        ? { file, kilobytes: Math.round(bytes / 1000) }
        : null;
    },
  },
  {
    code: "large-packets-lost",
    cause:
      "the machine acknowledges no TFTP block of {blksize} bytes of {file}: packets of that size are lost on the way (a VLAN, a tunnel or a VPN with a smaller MTU)",
    remedy:
      "first correct the MTU on the way; if that cannot be done, set tftp.maxBlockSize: 512 here, which every network carries",
    who: "network",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E32"], uefi: ["PXE-E18"] },
    when: (evidence) => {
      const failed = brokenTransferOf(evidence);
      if (failed === null || failed.blksize <= alwaysFits) return null;
      const { blksize, windowsize, bytesSent, file } = failed;
      // More is sent only once something of the first window is acknowledged.
      return bytesSent <= blksize * windowsize ? { blksize, file } : null;
    },
  },
  {
    code: "packets-lost",
    cause: "the TFTP transfer of {file} broke off after {sent} of {bytes} bytes: {reason}",
    remedy:
      "look at the cable, the switch port and its error counters; a lower tftp.maxWindowSize helps on a bad link",
    who: "network",
    certainty: "proved",
    onScreen: { bios: ["PXE-E35", "PXE-E3F"], uefi: ["PXE-E18"] },
    when: (evidence) => {
      const failed = brokenTransferOf(evidence);
      if (failed === null) return null;
      const { file, bytesSent: sent, bytes, reason } = failed;
      return { file, sent, bytes, reason };
    },
  },
  ...repetitionRules,
  {
    code: "ipxe-link-blocked",
    cause:
      "iPXE runs (it fetched autoexec.ipxe) and no DHCP request of it arrived: the switch port blocks for some time after iPXE has reset the link (spanning tree, LACP), or the cable is in another network card",
    remedy: "set the switch port to forward at once (PortFast, edge port)",
    who: "network",
    certainty: "inferred",
    onScreen: { later: ["040ee1"] },
    when: (evidence) =>
      stopsAt(evidence, "loader-done") && evidence.boot.seen.autoexecAtMs !== null ? {} : null,
  },
  {
    code: "loader-silent",
    cause:
      "the firmware has the loader, and nothing was heard of it since: it hangs while it prepares the network card, or the firmware did not start it",
    remedy:
      "switch it on again: after two such boots it is given the other kind of loader (ipxe.efi, snponly.efi) by itself, where that is among the loaders; where its screen says Access Denied or Security Violation, switch Secure Boot off",
    who: "site",
    certainty: "inferred",
    onScreen: { later: ["iPXE initialising devices"] },
    when: (evidence) => (stopsAt(evidence, "loader-done") ? {} : null),
  },
];

/**
 * What asked for the loader again was told the script, as if it were an iPXE that does not say so (`loader-loop`), and asked
 * for the script's URL as for a file by TFTP: it is the firmware. How many times in a row it did not start the loader.
 */
function refusedWithScript({ boot, earlier }: BootEvidence): number | null {
  const told = stepOf(boot, "ipxe-offer");
  const { tftpRefused } = boot.seen;
  const isFirmware =
    told !== null &&
    tftpRefused !== null &&
    tftpRefused.atMs >= told.firstAtMs &&
    /^https?:/.test(tftpRefused.file);
  const [former] = earlier;
  if (!isFirmware || boot.stage !== "ipxe-offer" || stepOf(boot, "loader-done") === null)
    return null;
  if (firmwareOf(boot) === "bios") return null;
  const before =
    former === undefined || boot.attempt === 1
      ? 0
      : loaderRunsOf({ boot: former, earlier: earlier.slice(1) }).inVain;
  return 1 + before;
}

/** The transfer of the loader that the machine no longer answered, as the last that was seen of it. */
function brokenTransferOf(evidence: BootEvidence) {
  const { boot } = evidence;
  const { tftpFailed } = boot.seen;
  const gaveUp = isLastWord(boot, tftpFailed) && fellSilent(tftpFailed);
  return stopsAt(evidence, "loader-start") && gaveUp ? tftpFailed : null;
}
