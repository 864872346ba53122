import type { Boot } from "../boot.ts";
import { stepOf } from "../rules/evidence.ts";
import type { Stage } from "../stages.ts";

/** How long a boot is at its stage, beside how long boots here usually are. */
export interface Pace {
  /** Since it came to the stage. */
  readonly elapsedMs: number;
  /** The median of the boots here that came up. */
  readonly usualMs: number;
  /** How many boots that is made of. */
  readonly boots: number;
  /** It takes longer than nine of ten boots did: it is time to act, no longer to wait. */
  readonly isLate: boolean;
}

/** Of the last boots that came up. */
const mostBoots = 100;
/** Boots of the same machine differ by as much, whatever the stage. */
const graceMs = 2000;
const graceFactor = 1.5;

interface Usual {
  readonly usualMs: number;
  readonly lateAfterMs: number;
  readonly boots: number;
}

/** How long the last boots that came up were at each stage: what tells "wait" from "act". Bounded in memory. */
export class StageTimes {
  readonly #times = new Map<Stage, number[]>();
  /** What was made of these times; a stage is missing where they have changed. */
  readonly #usual = new Map<Stage, Usual>();

  /** Takes up a boot that has just come up. */
  note({ steps }: Pick<Boot, "steps">): void {
    for (const [index, { stage, firstAtMs }] of steps.entries()) {
      const next = steps[index + 1];
      if (next === undefined) continue;
      const times = this.#times.get(stage) ?? [];
      times.push(Math.max(0, next.firstAtMs - firstAtMs));
      if (times.length > mostBoots) times.shift();
      this.#times.set(stage, times);
      this.#usual.delete(stage);
    }
  }

  /** Null: no boot here that came up was at that stage, or the boot is at its end. */
  paceOf(boot: Boot, nowMs: number): Pace | null {
    const step = stepOf(boot, boot.stage);
    const usual = this.#usualAt(boot.stage);
    if (step === null || usual === null || boot.stage === "micro-os") return null;
    const elapsedMs = Math.max(0, nowMs - step.firstAtMs);
    const { usualMs, boots, lateAfterMs } = usual;
    return { elapsedMs, usualMs, boots, isLate: elapsedMs > lateAfterMs };
  }

  #usualAt(stage: Stage): Usual | null {
    const known = this.#usual.get(stage);
    if (known !== undefined) return known;
    const sorted = (this.#times.get(stage) ?? []).toSorted((a, b) => a - b);
    const boots = sorted.length;
    if (boots === 0) return null;
    const at = (share: number) => sorted[Math.floor((boots - 1) * share)] ?? 0;
    const usualMs = at(0.5);
    const lateAfterMs = Math.max(at(0.9), usualMs * graceFactor) + graceMs;
    const usual = { usualMs, boots, lateAfterMs };
    this.#usual.set(stage, usual);
    return usual;
  }
}
