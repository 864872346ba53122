import type { BootReply } from "../../api/boots.ts";
import { inOneSentence } from "../../lib/finding.ts";
import { lateInWords } from "../shared/pace.ts";
import { nameOf, plain, statusWords } from "./machines.ts";

/** What was written of a boot already. */
interface Written {
  readonly steps: ReadonlySet<string>;
  readonly status: BootReply["status"];
  /** It was said that the boot is at this stage for longer than usual. */
  readonly lateAt: BootReply["stage"] | null;
}

/**
 * What is new since the last look, a line each: `10:02:41  node-7  uefi  script  after 4.2 s`. For a pipe or a file,
 * where nothing can be drawn anew.
 */
export class NewLines {
  readonly #written = new Map<string, Written>();

  /** @param boots newest first */
  since(boots: readonly BootReply[]): readonly string[] {
    const lines = boots.toReversed().flatMap((boot) => this.#linesOf(boot));
    // What the server no longer lists does not come again.
    const present = new Set(boots.map(({ id }) => id));
    for (const id of this.#written.keys()) if (!present.has(id)) this.#written.delete(id);
    return lines;
  }

  #linesOf(boot: BootReply): readonly string[] {
    const { id, steps, status, diagnosis, firmware, server } = boot;
    const former = this.#written.get(id);
    const name = nameOf(boot);
    const by = server === null ? "" : `  (seen by ${plain(server, 64)})`;
    const line = (at: string, what: string) =>
      `${at.slice(11, 19)}  ${name.padEnd(17)}  ${(firmware ?? "").padEnd(9)}  ${what}${by}`;
    const fresh = steps.filter(({ stage }) => former?.steps.has(stage) !== true);
    const late = lateInWords(boot);
    const lateAt = late === null ? (former?.lateAt ?? null) : boot.stage;
    this.#written.set(id, { steps: new Set(steps.map(({ stage }) => stage)), status, lateAt });
    const stepLines = fresh.map(({ stage, at, afterMs }) =>
      line(at, `${stage.padEnd(15)}  after ${(afterMs / 1000).toFixed(1)} s`),
    );
    const isNewlyLate = late !== null && former?.lateAt !== boot.stage;
    const lateLines = isNewlyLate
      ? [line(momentOf(boot), `longer than usual at ${boot.stage}: ${late}`)]
      : [];
    const lines = [...stepLines, ...lateLines];
    const isTold = status === "booting" || status === "up" || former?.status === status;
    if (isTold) return lines;
    const why = diagnosis === null ? "" : `: ${inOneSentence(diagnosis)}`;
    return [...lines, line(boot.updatedAt, plain(`${statusWords[status]}${why}`, 1000))];
  }
}

/** When the server said how long the boot is at its stage. */
function momentOf({ stage, steps, expected, updatedAt }: BootReply): string {
  const at = steps.find((step) => step.stage === stage)?.at ?? updatedAt;
  return new Date(Date.parse(at) + (expected?.elapsedMs ?? 0)).toISOString();
}
