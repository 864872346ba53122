import type { Clock } from "../../lib/clock.ts";
import type { Emit } from "../../events/types.ts";
import type { Progress } from "./download.ts";

const INTERVAL_MS = 10_000;

interface Seen {
  readonly atMs: number;
  readonly bytes: number;
}

/** Makes an event of a long download's progress every now and then. */
export class ProgressEvents {
  readonly #emit: Emit;
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();

  constructor(emit: Emit, clock: Clock) {
    this.#emit = emit;
    this.#clock = clock;
  }

  update({ file, bytes, total }: Progress): void {
    const atMs = this.#clock.now();
    const former = this.#seen.get(file);
    if (former === undefined || bytes < former.bytes) {
      this.#seen.set(file, { atMs, bytes });
      return;
    }
    if (atMs - former.atMs < INTERVAL_MS) return;
    this.#seen.set(file, { atMs, bytes });
    const bytesPerSecond = Math.round(((bytes - former.bytes) * 1000) / (atMs - former.atMs));
    this.#emit({
      event: "sync-progress",
      file,
      bytes,
      total,
      bytesPerSecond,
      remainingSeconds: remainingSeconds({ file, bytes, total }, bytesPerSecond),
    });
  }
}

/** How long the rest takes at this rate; null when that cannot be told. */
export function remainingSeconds(
  { bytes, total }: Progress,
  bytesPerSecond: number,
): number | null {
  if (total === null || bytesPerSecond <= 0) return null;
  return Math.ceil((total - bytes) / bytesPerSecond);
}
