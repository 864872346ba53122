import { inOneSentence } from "../lib/finding.ts";
import type { Boot } from "./boot.ts";
import type { BootEvidence } from "./rules/evidence.ts";
import { type BootRule, type Diagnosis, diagnosisOf, judgeBoot } from "./rules/diagnosis.ts";
import { isLastWord } from "./rules/evidence.ts";
import { assetRules } from "./rules/asset-rules.ts";
import { loaderRules } from "./rules/loader-rules.ts";
import { cameUpAtMs, comesBackMs, loopRules, machineRules } from "./rules/machine-rules.ts";
import { registrationFinding } from "./rules/registration-rules.ts";
import { offerRules } from "./rules/offer-rules.ts";
import { reportedRefusalRules, reportRules } from "./rules/report-rules.ts";
import { refusalRules } from "./rules/refusal-rules.ts";
import { scriptRules } from "./rules/script-rules.ts";
import { stageRules } from "./rules/stage-rules.ts";
import { trustRules } from "./rules/trust-rules.ts";
import { statusOf } from "./rules/status.ts";

export type { Diagnosis } from "./rules/diagnosis.ts";
export {
  architectureNameOf,
  type BootEvidence,
  firmwareKindOf,
  firmwareKinds,
  interfaceOf,
} from "./rules/evidence.ts";
export {
  type BootStatus,
  bootStatuses,
  isOverHere,
  machinesByStatus,
  statusOf,
} from "./rules/status.ts";

/** In this order; where nothing else is known, the stage that was reached says what is likely. */
export const bootRules: readonly BootRule[] = [
  ...trustRules,
  ...reportRules,
  ...refusalRules,
  ...reportedRefusalRules,
  ...machineRules,
  ...assetRules,
  ...loaderRules,
  ...offerRules,
  ...scriptRules,
  ...stageRules,
];

/** How certain it is that a machine was not answered, and what its firmware makes of that. */
const unanswered = {
  certainty: "proved",
  onScreen: { bios: ["PXE-E51", "PXE-E53"], uefi: ["PXE-E16"] },
} as const;

export { loopRules } from "./rules/machine-rules.ts";
export { registrationRules } from "./rules/registration-rules.ts";

/** Why a boot stands still, and what to do about it; null while there is nothing to explain. */
export function diagnose(evidence: BootEvidence, nowMs: number): Diagnosis | null {
  const status = statusOf(evidence.boot, nowMs);
  // A machine that says what its error is is not waited for.
  const { failed } = evidence.boot.seen;
  const isFailing =
    status === "booting" && isLastWord(evidence.boot, failed) && failed.errno !== null;
  if (status === "up") return loopOf(evidence, nowMs) ?? waitsAtOrchestrator(evidence);
  if (status === "booting" && !isFailing) return loopOf(evidence, nowMs);
  if (status === "local") return null;
  const { refusal } = evidence.boot;
  return refusal === null
    ? judgeBoot(bootRules, evidence)
    : diagnosisOf(refusal, unanswered, evidence);
}

/** Why its Micro-OS, which is up, goes no further, as the orchestrator says. */
function waitsAtOrchestrator(evidence: BootEvidence): Diagnosis | null {
  const finding = registrationFinding(evidence.boot);
  return finding === null
    ? null
    : diagnosisOf(finding, { certainty: "proved", onScreen: {} }, evidence);
}

/** Why a machine boots the network again and again; null where it stays up, or goes on to its disk. */
export function loopOf(evidence: BootEvidence, nowMs: number): Diagnosis | null {
  return mayLoop(evidence.boot, nowMs) ? judgeBoot(loopRules, evidence) : null;
}

/** Whether a machine could be in such a loop, by its last boot alone. */
export function mayLoop(boot: Boot, nowMs: number): boolean {
  const status = statusOf(boot, nowMs);
  if (status === "local" || status === "denied") return false;
  return status !== "up" || nowMs - cameUpAtMs(boot) <= comesBackMs;
}

/** What `diagnose` says, in one sentence. */
export function explainStall(evidence: BootEvidence, nowMs: number): string | null {
  const found = diagnose(evidence, nowMs);
  return found === null ? null : inOneSentence(found);
}
