import { isProbe } from "../boot/synthetic-uuid.ts";
import { atOnce } from "../lib/lists/turns.ts";
import type { Boot } from "./boot.ts";
import { type BootEvidence, type Diagnosis, diagnose, loopOf, mayLoop, statusOf } from "./rules.ts";
import { judgeBoot } from "./rules/diagnosis.ts";
import { triesAnotherLoader } from "./rules/evidence.ts";
import { repetitionRules } from "./rules/loader-rules.ts";

/** A boot that came to stand still, or a machine that repeats itself in vain, and why. */
export interface Stall {
  readonly boot: Boot;
  readonly finding: Diagnosis;
}

/** The boots of all machines as they are now, and what each is judged by. */
export interface WatchedBoots {
  current(): Iterable<Boot>;
  evidence(boot: Boot, nowMs: number): BootEvidence;
}

/** Finds each stall once: a boot that goes on and stands still again is another one. */
export class Stalls {
  readonly #boots: WatchedBoots;
  /** The stalls that last, by what tells one from another. */
  #known: ReadonlySet<string> = new Set();
  /** Of these, those of machines that repeat themselves, by the machine. */
  #repeated: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(boots: WatchedBoots) {
    this.#boots = boots;
  }

  /** Those that began since the last look. */
  look(nowMs: number): readonly Stall[] {
    return atOnce(this.looking(nowMs));
  }

  /** The same in steps, one for each boot. */
  *looking(nowMs: number): Generator<void, readonly Stall[]> {
    const lasting = new Set<string>();
    const repeated = new Map<string, readonly string[]>();
    const found: Stall[] = [];
    for (const boot of this.#boots.current()) {
      yield;
      if (isProbe(boot)) continue;
      const stands = statusOf(boot, nowMs) === "stalled";
      if (stands && this.#known.has(boot.id)) {
        lasting.add(boot.id);
        continue;
      }
      const loop = stands || !mayLoop(boot, nowMs) ? null : this.#loop(boot, nowMs);
      const finding = stands ? this.#explain(boot, nowMs) : (loop ?? this.#repetition(boot, nowMs));
      const since = loop === null ? boot.failingSinceMs : "";
      const machine = `${boot.mac ?? boot.address} ${since}`;
      if (finding === null) {
        // While it tries once more nothing may be seen of it.
        const before = isRepeated(boot) ? (this.#repeated.get(machine) ?? []) : [];
        for (const key of before) lasting.add(key);
        if (before.length > 0) repeated.set(machine, before);
        continue;
      }
      const key = stands ? boot.id : `${machine} ${finding.code}`;
      // A machine whose MAC becomes known meanwhile comes by twice.
      if (lasting.has(key)) continue;
      lasting.add(key);
      if (!stands) repeated.set(machine, [...(repeated.get(machine) ?? []), key]);
      if (!this.#known.has(key)) found.push({ boot, finding });
    }
    this.#known = lasting;
    this.#repeated = repeated;
    return found;
  }

  #explain(boot: Boot, nowMs: number): Diagnosis | null {
    return diagnose(this.#boots.evidence(boot, nowMs), nowMs);
  }

  #loop(boot: Boot, nowMs: number): Diagnosis | null {
    return loopOf(this.#boots.evidence(boot, nowMs), nowMs);
  }

  /** A machine that starts over and over never stands still for long: its attempts together are a stall. */
  #repetition(boot: Boot, nowMs: number): Diagnosis | null {
    if (!isRepeated(boot)) return null;
    const evidence = this.#boots.evidence(boot, nowMs);
    // What the machine itself reports each time.
    const reported = statusOf(boot, nowMs) === "booting" ? diagnose(evidence, nowMs) : null;
    if (reported !== null) return reported;
    // The one that it did not start is no longer given to it: it is seen soon whether that helps.
    return triesAnotherLoader(evidence) ? null : judgeBoot(repetitionRules, evidence);
  }
}

/** It is at least the third attempt in a row, and none came up. */
function isRepeated({ attempt, stage }: Boot): boolean {
  return attempt >= 3 && stage !== "micro-os";
}
