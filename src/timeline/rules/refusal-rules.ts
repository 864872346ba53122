import { fileMissing, machineDenied, mirrorEmpty, tftpRefused } from "../../boot/causes.ts";
import { answerFailed } from "../../boot/refusals.ts";
import type { Rule } from "../../lib/finding.ts";
import type { Boot } from "../boot.ts";
import type { Seen } from "../observations.ts";
import { isBefore } from "../stages.ts";
import { type BootEvidence, isLastWord } from "./evidence.ts";

/*
 * What this server itself refused a machine, where the machine did nothing since: there is no doubt about it.
 */

export const refusalRules: readonly Rule<BootEvidence>[] = [
  {
    ...machineDenied,
    when: ({ boot }) => {
      const refused = refusedRequestOf(boot);
      return refused?.status === 403
        ? { mac: boot.mac ?? "unknown", reason: refused.reason }
        : null;
    },
  },
  {
    ...answerFailed,
    when: ({ boot }) => {
      const { dhcpFailed } = boot.seen;
      return isBefore(boot.stage, "loader-start") && isLastWord(boot, dhcpFailed)
        ? { reason: dhcpFailed.reason }
        : null;
    },
  },
  {
    ...fileMissing,
    when: ({ boot }) => {
      const refused = refusedFileOf(boot);
      return refused?.errorCode === 1 ? { file: refused.file, server: "eim-pxe" } : null;
    },
  },
  {
    ...tftpRefused,
    when: ({ boot }) => {
      const refused = refusedFileOf(boot);
      if (refused === null) return null;
      const { file, errorCode: error, reason: text } = refused;
      return { file, server: "eim-pxe", error, text };
    },
  },
  {
    ...mirrorEmpty,
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
