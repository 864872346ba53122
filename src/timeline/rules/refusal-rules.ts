import type { BootRule } from "./diagnosis.ts";
import { fileMissing, machineDenied, mirrorEmpty, tftpRefused } from "../../boot/causes.ts";
import { answerFailed } from "../../boot/refusals.ts";
import type { Boot } from "../boot.ts";
import type { Seen } from "../observations.ts";
import { isBefore } from "../stages.ts";
import { isLastWord } from "./evidence.ts";

/*
 * What this server itself refused a machine, where the machine did nothing since: there is no doubt about it.
 */

export const refusalRules: readonly BootRule[] = [
  {
    ...machineDenied,
    certainty: "proved",
    onScreen: { later: ["410c61"] },
    when: ({ boot }) => {
      const refused = refusedRequestOf(boot);
      return refused?.status === 403
        ? { mac: boot.mac ?? "unknown", reason: refused.reason }
        : null;
    },
  },
  {
    ...answerFailed,
    certainty: "proved",
    onScreen: { bios: ["PXE-E51"], uefi: ["PXE-E16"] },
    when: ({ boot }) => {
      const { dhcpFailed } = boot.seen;
      return isBefore(boot.stage, "loader-start") && isLastWord(boot, dhcpFailed)
        ? { reason: dhcpFailed.reason }
        : null;
    },
  },
  {
    ...fileMissing,
    certainty: "proved",
    onScreen: { bios: ["PXE-E36", "PXE-E3B"], uefi: ["PXE-E23"] },
    when: ({ boot }) => {
      const refused = refusedFileOf(boot);
      return refused?.errorCode === 1 ? { file: refused.file, server: "eim-pxe" } : null;
    },
  },
  {
    ...tftpRefused,
    certainty: "proved",
    onScreen: { bios: ["PXE-E36"], uefi: ["PXE-E23"] },
    when: ({ boot }) => {
      const refused = refusedFileOf(boot);
      if (refused === null) return null;
      const { file, errorCode, reason } = refused;
      // 0 says nothing but that the words do.
      const told = errorCode === 0 ? reason : `error ${errorCode}: ${reason}`;
      return { file, server: "eim-pxe", reason: told };
    },
  },
  {
    ...mirrorEmpty,
    certainty: "proved",
    onScreen: { later: ["1d0c65"] },
    when: ({ boot }) => {
      const refused = refusedRequestOf(boot);
      return refused?.status === 503 ? { url: refused.path, reason: refused.reason } : null;
    },
  },
  {
    code: "file-not-served",
    cause: "the machine asked for {path}, which is not here (status 404)",
    remedy:
      "run eim-pxe sync where the file belongs to the Micro-OS; else correct the URL in the script or in the node's scriptUrl",
    who: "site",
    certainty: "proved",
    onScreen: { later: ["2d0c61"] },
    when: ({ boot }) => {
      const refused = refusedRequestOf(boot);
      return refused?.status === 404 ? { path: refused.path } : null;
    },
  },
  {
    code: "request-refused",
    cause: "the machine asked for {path} and was refused with status {status}: {reason}",
    remedy: "do what the reason says; event http-refused in the log has it too",
    who: "site",
    certainty: "proved",
    onScreen: { later: ["1d0c64"] },
    when: ({ boot }) => {
      const refused = refusedRequestOf(boot);
      if (refused === null) return null;
      const { path, status, reason } = refused;
      return { path, status, reason };
    },
  },
];

/** The file that a machine was refused which has no loader yet. */
function refusedFileOf(boot: Boot): Seen<"tftp-refused"> | null {
  const { tftpRefused: refused } = boot.seen;
  if (boot.stage === "offer") return refused;
  return boot.stage === "loader-start" && isLastWord(boot, refused) ? refused : null;
}

/** The HTTP request that was refused before everything was fetched; a report is none that a boot needs. */
function refusedRequestOf(boot: Boot): Seen<"http-refused"> | null {
  const { httpRefused: refused } = boot.seen;
  if (!isBefore(boot.stage, "initramfs-done") || !isLastWord(boot, refused)) return null;
  return /^\/events\b/.test(refused.path) ? null : refused;
}
