import { setImmediate as nextTurn } from "node:timers/promises";
import type { Emit } from "../events/types.ts";
import type { Clock } from "../lib/clock.ts";
import { inTurns } from "../lib/lists/turns.ts";
import { type OtherServer, serverWhereItGoesOn } from "../timeline/elsewhere/other-boots.ts";
import { interfaceOf } from "../timeline/rules.ts";
import { Stalls, type WatchedBoots } from "../timeline/stalls.ts";

export interface StallWatchParts {
  readonly boots: WatchedBoots;
  readonly emit: Emit;
  readonly clock: Clock;
  /** The other servers of the database, and the boots that they saw; default: there is none. */
  readonly elsewhere?: () => readonly OtherServer[];
}

/** A stall is reported this long after it began, at most. */
const lookEveryMs = 5_000;
/** Boots that are looked at in one turn of the event loop: under a millisecond, since machines wait meanwhile. */
const lookedAtInOneTurn = 50;

/** Reports each boot that comes to stand still as `boot-stalled`, but not one that another server saw go on, until the returned function is called. */
export function startStallWatch(parts: StallWatchParts): () => void {
  const { boots, emit, clock, elsewhere = () => [] } = parts;
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
      const server = serverWhereItGoesOn(boot, elsewhere());
      if (server !== null) {
        const on = { interface: interfaceOf(boot) ?? "", server, shared: true };
        emit({ event: "taken-elsewhere", mac, address: null, ...on });
        continue;
      }
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
