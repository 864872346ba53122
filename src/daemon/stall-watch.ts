import type { Emit } from "../events/types.ts";
import type { Clock } from "../lib/clock.ts";
import { Stalls, type WatchedBoots } from "../timeline/stalls.ts";

export interface StallWatchParts {
  readonly boots: WatchedBoots;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** A stall is reported this long after it began, at most. */
const lookEveryMs = 5_000;

/** Reports each boot that comes to stand still as `boot-stalled`, until the returned function is called. */
export function startStallWatch({ boots, emit, clock }: StallWatchParts): () => void {
  const stalls = new Stalls(boots);
  const timer = setInterval(() => {
    for (const { boot, finding } of stalls.look(clock.now())) {
      const { id, mac, address, stage } = boot;
      const { code, cause, remedy, who } = finding;
      emit({ event: "boot-stalled", mac, address, boot: id, stage, code, cause, remedy, who });
    }
  }, lookEveryMs);
  return () => clearInterval(timer);
}
