import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ServedGeneration } from "./content.ts";

/** So long it counts what was seen: another program may sign at any time. */
const KNOWN_FOR_MS = 2000;
/** More generations than machines boot from at the same time. */
const mostGenerations = 8;

interface Look {
  readonly atMs: number;
  readonly found: Promise<boolean>;
  isSigned: boolean | null;
}

/** Whether there are signatures beside the files of a generation; however many ask, it is looked once in two seconds. */
export class Signatures {
  readonly #clock: Pick<Clock, "now">;
  readonly #looks = new BoundedMap<string, Look>(mostGenerations);

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Null: that has to be looked at first. */
  known(generation: ServedGeneration): boolean | null {
    return this.#fresh(generation)?.isSigned ?? null;
  }

  of(generation: ServedGeneration): Promise<boolean> {
    const before = this.#fresh(generation);
    if (before !== null) return before.found;
    const found = generation.isSigned?.() ?? Promise.resolve(false);
    const look: Look = { atMs: this.#clock.now(), found, isSigned: null };
    this.#looks.set(generation.id, look);
    return found.then((isSigned) => (look.isSigned = isSigned));
  }

  #fresh({ id }: ServedGeneration): Look | null {
    const look = this.#looks.get(id);
    return look !== undefined && this.#clock.now() - look.atMs < KNOWN_FOR_MS ? look : null;
  }
}
