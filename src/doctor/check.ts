import { type Finding, judge, type Rule, type Who } from "../lib/finding.ts";

/*
 * A check of `doctor` is a row: what it looks at, the faults that it knows as rules with how bad each
 * one is, and what it says where all is well.
 */

export type CheckStatus = "ok" | "warn" | "fail";

/** A fault that a check knows. `warn`: machines may boot all the same. */
export interface Fault<Evidence> extends Rule<Evidence> {
  readonly status: "warn" | "fail";
}

/** What a check found of one thing: a port, an interface, an origin. */
export interface CheckLine {
  /** The check's; several lines may have the same one. */
  readonly id: string;
  readonly status: CheckStatus;
  /** What was found. */
  readonly found: string;
  /** What to do, and who has to; null where nothing is to be done. */
  readonly remedy: string | null;
  readonly code: string | null;
  readonly who: Who | null;
}

export interface CheckRow<Site, Evidence> {
  readonly id: string;
  /** Whether it takes less than a second and asks nobody on a network: `serve` runs these at its start. */
  readonly quick: boolean;
  /** Looks; one piece of evidence for each line. */
  readonly look: (site: Site) => Promise<readonly Evidence[]> | readonly Evidence[];
  readonly faults: readonly Fault<Evidence>[];
  /** What is said where no fault holds; null: nothing. */
  readonly fine: (evidence: Evidence) => string | null;
}

/** A row that is ready to be run. */
export interface Check<Site> {
  readonly id: string;
  readonly quick: boolean;
  /** Those that have their words here. */
  readonly faults: readonly Finding[];
  run(site: Site): Promise<readonly CheckLine[]>;
}

export function check<Site, Evidence>(row: CheckRow<Site, Evidence>): Check<Site> {
  const { id, quick, look, faults, fine } = row;
  return {
    id,
    quick,
    faults: faults.filter(({ cause }) => cause !== RELAYED.cause),
    run: async (site) => (await look(site)).flatMap((one) => lineOf(id, faults, fine, one) ?? []),
  };
}

function lineOf<Evidence>(
  id: string,
  faults: readonly Fault<Evidence>[],
  fine: (evidence: Evidence) => string | null,
  evidence: Evidence,
): CheckLine | null {
  const finding = judge(faults, evidence);
  if (finding === null) {
    const found = fine(evidence);
    return found === null ? null : { id, status: "ok", found, remedy: null, code: null, who: null };
  }
  const { code, cause, remedy, who } = finding;
  const status = faults.find((fault) => fault.code === code)?.status ?? "fail";
  return { id, status, found: cause, remedy, code, who };
}

const RELAYED = { cause: "{cause}", remedy: "{remedy}" } as const;

/** Faults that another room finds and has the words for. */
export function relayed<Evidence>(
  rows: readonly Finding[],
  status: Fault<Evidence>["status"],
  findingIn: (evidence: Evidence) => Finding | null,
): readonly Fault<Evidence>[] {
  return rows.map(({ code, who }) => ({
    code,
    ...RELAYED,
    who,
    status,
    when: (evidence) => {
      const finding = findingIn(evidence);
      return finding?.code === code ? { cause: finding.cause, remedy: finding.remedy } : null;
    },
  }));
}
