import { type Finding, inOneSentence, judge, type Rule } from "../lib/finding.ts";
import type { BootEvidence } from "./rules/evidence.ts";
import { loaderRules } from "./rules/loader-rules.ts";
import { offerRules } from "./rules/offer-rules.ts";
import { refusalRules } from "./rules/refusal-rules.ts";
import { scriptRules } from "./rules/script-rules.ts";
import { stageRules } from "./rules/stage-rules.ts";
import { statusOf } from "./rules/status.ts";

export type { BootEvidence } from "./rules/evidence.ts";
export { type BootStatus, bootStatuses, statusOf } from "./rules/status.ts";

/** In this order; where nothing else is known, the stage that was reached says what is likely. */
export const bootRules: readonly Rule<BootEvidence>[] = [
  ...refusalRules,
  ...loaderRules,
  ...offerRules,
  ...scriptRules,
  ...stageRules,
];

/** Why a boot stands still, and what to do about it; null while there is nothing to explain. */
export function diagnose(evidence: BootEvidence, nowMs: number): Finding | null {
  const status = statusOf(evidence.boot, nowMs);
  if (status !== "stalled" && status !== "denied") return null;
  return evidence.boot.refusal ?? judge(bootRules, evidence);
}

/** The same in one sentence. */
export function explainStall(evidence: BootEvidence, nowMs: number): string | null {
  const found = diagnose(evidence, nowMs);
  return found === null ? null : inOneSentence(found);
}
