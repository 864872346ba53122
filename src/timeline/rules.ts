import { type Finding, inOneSentence, judge } from "../lib/finding.ts";
import type { Boot } from "./boot.ts";
import { stageRules } from "./rules/stage-rules.ts";
import { statusOf } from "./rules/status.ts";

export { type BootStatus, bootStatuses, statusOf } from "./rules/status.ts";

/** Why a boot stands still, and what to do about it; null while there is nothing to explain. */
export function diagnose(boot: Boot, nowMs: number): Finding | null {
  const status = statusOf(boot, nowMs);
  if (status !== "stalled" && status !== "denied") return null;
  return boot.refusal ?? boot.obstacle ?? judge(stageRules, boot);
}

/** The same in one sentence. */
export function explainStall(boot: Boot, nowMs: number): string | null {
  const found = diagnose(boot, nowMs);
  return found === null ? null : inOneSentence(found);
}
