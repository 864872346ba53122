import { filledIn, type Finding, type Rule, textWith, type Values } from "../../lib/finding.ts";
import type { Certainty } from "../certainty.ts";
import { type BootEvidence, firmwareOf } from "./evidence.ts";
import { factsOf } from "./facts.ts";

/**
 * What a machine's screen shows where the cause is the right one: codes (`PXE-E16`, the first six digits of
 * iPXE's) or words, by what prints them.
 */
export interface OnScreen {
  readonly bios?: readonly string[];
  readonly uefi?: readonly string[];
  /** iPXE and what runs after it, on any firmware. */
  readonly later?: readonly string[];
}

/** A row of the tables of causes. */
export interface BootRule extends Rule<BootEvidence> {
  readonly certainty: Certainty;
  readonly onScreen: OnScreen;
}

/** Why a boot goes no further, how certain that is, and by what it can be checked. */
export interface Diagnosis extends Finding {
  readonly onScreen: readonly string[];
  readonly certainty: Certainty;
  /** What was seen that speaks for it, in the order in which it happened. */
  readonly evidence: readonly string[];
}

/** What the first row that holds says of a boot; null when none does. */
export function judgeBoot(rules: readonly BootRule[], evidence: BootEvidence): Diagnosis | null {
  for (const rule of rules) {
    const values = rule.when(evidence);
    if (values !== null) return diagnosisOf(filledIn(rule, values), rule, evidence, values);
  }
  return null;
}

export function diagnosisOf(
  finding: Finding,
  { certainty, onScreen }: Pick<BootRule, "certainty" | "onScreen">,
  evidence: BootEvidence,
  values: Values = {},
): Diagnosis {
  return {
    ...finding,
    onScreen: shownBy(onScreen, evidence).map((text) => textWith(text, values)),
    certainty,
    evidence: factsOf(evidence),
  };
}

function shownBy({ bios = [], uefi = [], later = [] }: OnScreen, { boot }: BootEvidence) {
  const kind = firmwareOf(boot);
  const ofFirmware =
    kind === "bios" ? bios : kind === "uefi" || kind === "uefi-http" ? uefi : [...bios, ...uefi];
  return [...new Set([...ofFirmware, ...later])];
}
