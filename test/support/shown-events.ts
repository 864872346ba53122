import { EventBus } from "../../src/events/bus.ts";
import type { Emit, PxeEvent } from "../../src/events/types.ts";
import type { Clock } from "../../src/lib/clock.ts";

/** What the log and the streams show of what is emitted, in its order. */
export function shownEvents(clock: Clock): { readonly emit: Emit; readonly shown: PxeEvent[] } {
  const bus = new EventBus(clock);
  const shown: PxeEvent[] = [];
  bus.subscribe((event) => shown.push(event));
  return { emit: bus.emit, shown };
}
