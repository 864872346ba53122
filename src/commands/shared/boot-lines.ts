import type { BootDetailReply, BootReply } from "../../api/boots.ts";
import { paceInWords } from "./pace.ts";

/** The stages of a boot, whether to wait or to act, and what the orchestrator said of the machine. */
export function bootLines(boot: BootReply): readonly string[] {
  const pace = paceInWords(boot);
  const paceLines = pace === null ? [] : [`  ${pace}`];
  return [...boot.steps.map(stepLine), ...paceLines, ...registrationLines(boot)];
}

/** Everything that it was sent, with the SHA-256 of that. */
export function givenLines({ given }: Pick<BootDetailReply, "given">): readonly string[] {
  return given.map(({ file, sha256, certainty }) => {
    const sum = sha256 ?? "of the site's own folder, not verified";
    return `given  ${sum}  ${file}${certainty === "proved" ? "" : "  (to somebody who named it)"}`;
  });
}

/** What the orchestrator said of the machine; nothing while it was not asked. */
function registrationLines({ registration }: BootReply): readonly string[] {
  if (registration === null) return [];
  const { status, host, reason, remedy } = registration;
  const said =
    status === "registered"
      ? `the orchestrator knows it as ${host ?? "a host"}`
      : `${reason ?? status}. To do: ${remedy ?? "nothing"}`;
  return [`orchestrator ${said}`];
}

/** `+  12.3 s  kernel` */
function stepLine({
  stage,
  afterMs,
}: {
  readonly stage: string;
  readonly afterMs: number;
}): string {
  return `  +${(afterMs / 1000).toFixed(1).padStart(6)} s  ${stage}`;
}
