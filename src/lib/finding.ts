/**
 * What is wrong, why, what to do about it and who has to do it: the one shape of every diagnosis, of
 * `probe`'s verdict, of readiness reasons, and of errors that people read. Texts begin in lower case and
 * have no full stop at their end, so that they fit into a sentence.
 */
export interface Finding<Code extends string = string> {
  /** Stable and unique, for scripts and metrics; `docs/diagnosis.md` lists those of rules. */
  readonly code: Code;
  /** What is wrong and why, naming the server, the file or the port. */
  readonly cause: string;
  /** What to do next, with the command to type or the key to set where there is one. */
  readonly remedy: string;
  readonly who: Who;
}

/**
 * Who has to act: who looks after this server and the machines (`site`), who looks after switches, routers
 * and firewalls (`network`), the orchestrator's operator, or the makers of eim-pxe (`us`).
 */
export type Who = "site" | "network" | "orchestrator" | "us";

/** Those who have to act, by the name that people know them by. */
export const whoInWords: Readonly<Record<Who, string>> = {
  site: "site",
  network: "network team",
  orchestrator: "orchestrator's operator",
  us: "makers of eim-pxe",
};

/** What `{names}` in the texts of a row stand for. */
export type Values = Readonly<Record<string, string | number>>;

/** A row of a table of rules: a finding whose texts have `{names}` in them, and when it holds. */
export interface Rule<Evidence, Code extends string = string> extends Finding<Code> {
  /** What the names stand for where the rule holds for this evidence; null where it does not. */
  readonly when: (evidence: Evidence) => Values | null;
}

/** What the first rule that holds says of the evidence; null when none does. */
export function judge<Evidence, Code extends string>(
  rules: readonly Rule<Evidence, Code>[],
  evidence: Evidence,
): Finding<Code> | null {
  for (const rule of rules) {
    const values = rule.when(evidence);
    if (values !== null) return filledIn(rule, values);
  }
  return null;
}

/** What every rule that holds says of the evidence. */
export function judgeAll<Evidence, Code extends string>(
  rules: readonly Rule<Evidence, Code>[],
  evidence: Evidence,
): readonly Finding<Code>[] {
  return rules.flatMap((rule) => {
    const values = rule.when(evidence);
    return values === null ? [] : [filledIn(rule, values)];
  });
}

/** The finding of a row: its texts with the values in place of their `{names}`. */
export function filledIn<Code extends string>(row: Finding<Code>, values: Values): Finding<Code> {
  const { code, cause, remedy, who } = row;
  return { code, cause: textWith(cause, values), remedy: textWith(remedy, values), who };
}

/** A text with the values in place of its `{names}`. */
export function textWith(text: string, values: Values): string {
  return text.replaceAll(/\{(\w+)\}/g, (name, key: string) => String(values[key] ?? name));
}

/** In one line: `the port is in use. To do (site): stop the other program`. */
export function inOneSentence({ cause, remedy, who }: Omit<Finding, "code">): string {
  return `${cause}. To do (${whoInWords[who]}): ${remedy}`;
}

/** In four short lines, for a terminal. */
export function inFourLines({ code, cause, remedy, who }: Finding): string {
  return [
    `Code:   ${code}`,
    `Cause:  ${cause}`,
    `Remedy: ${remedy}`,
    `Who:    ${whoInWords[who]}`,
  ].join("\n");
}
