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
