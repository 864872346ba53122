import { setImmediate as nextTurn } from "node:timers/promises";
import type { Emit } from "../events/types.ts";
import type { Clock } from "../lib/clock.ts";
import { inTurns } from "../lib/lists/turns.ts";
import { Stalls, type WatchedBoots } from "../timeline/stalls.ts";

export interface StallWatchParts {
  readonly boots: WatchedBoots;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** A stall is reported this long after it began, at most. */
const lookEveryMs = 5_000;
/** Boots that are looked at in one turn of the event loop, some milliseconds. */
const lookedAtInOneTurn = 500;

/** Reports each boot that comes to stand still as `boot-stalled`, until the returned function is called. */
export function startStallWatch({ boots, emit, clock }: StallWatchParts): () => void {
  const stalls = new Stalls(boots);
  let isLooking = false;
  let isStopped = false;
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    const found = await inTurns(stalls.looking(clock.now()), lookedAtInOneTurn, nextTurn).finally(
      () => {
        isLooking = false;
      },
    );
    if (isStopped) return;
    for (const { boot, finding } of found) {
      const { id, mac, address, stage } = boot;
      const { code, cause, remedy, who } = finding;
      emit({ event: "boot-stalled", mac, address, boot: id, stage, code, cause, remedy, who });
    }
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  return () => {
    isStopped = true;
    clearInterval(timer);
  };
}
