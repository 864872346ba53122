import type { Clock } from "../lib/clock.ts";
import { eventCatalogue } from "../events/catalogue.ts";
import type { EventName, PxeEvent } from "../events/types.ts";
import type { Logger } from "./log.ts";

export interface LogSinkParts {
  readonly log: Logger;
  readonly clock: Clock;
  /** Called for each line that is left out. */
  readonly suppressed: (event: EventName) => void;
}

// Lines of one event name in one second. A hostile neighbour must not fill the disk with log lines.
const linesPerSecond = 100;

/** Writes a line for each event, at the level and with the words of the catalogue. */
export class LogSink {
  readonly name = "log";
  readonly #parts: LogSinkParts;
  readonly #lines = new Map<EventName, { second: number; written: number; left: number }>();

  constructor(parts: LogSinkParts) {
    this.#parts = parts;
  }

  readonly hear = (event: PxeEvent): void => {
    const { log, suppressed, clock } = this.#parts;
    const { level, message } = eventCatalogue[event.event];
    if (!log.isLevelEnabled(level)) return;
    const second = Math.floor(clock.now() / 1000);
    const lines = this.#lines.get(event.event);
    if (lines === undefined || lines.second !== second) {
      if (lines !== undefined && lines.left > 0) {
        log.warn(
          { event: event.event, suppressed: lines.left },
          "log lines of this event left out",
        );
      }
      this.#lines.set(event.event, { second, written: 1, left: 0 });
    } else if (lines.written < linesPerSecond) {
      lines.written += 1;
    } else {
      lines.left += 1;
      suppressed(event.event);
      return;
    }
    log[level](event, message);
  };
}
