import type { Clock } from "../lib/clock.ts";
import { eventCatalogue } from "../events/catalogue.ts";
import { LineLimit } from "../events/suppression.ts";
import type { EventName, PxeEvent } from "../events/types.ts";
import type { Logger } from "./log.ts";

export interface LogSinkParts {
  readonly log: Logger;
  readonly clock: Clock;
  /** Called for each line that is left out. */
  readonly suppressed: (event: EventName) => void;
}

/** Writes a line for each event, at the level and with the words of the catalogue, within `lineLimits`. */
export class LogSink {
  readonly name = "log";
  readonly hears = "shown";
  readonly #parts: LogSinkParts;
  readonly #limit: LineLimit;

  constructor(parts: LogSinkParts) {
    this.#parts = parts;
    this.#limit = new LineLimit(parts.clock);
  }

  readonly hear = (event: PxeEvent): void => {
    const { log, suppressed } = this.#parts;
    const { level, message } = eventCatalogue[event.event];
    if (!log.isLevelEnabled(level)) return;
    const left = this.#limit.take(event.event);
    if (left === null) {
      suppressed(event.event);
      return;
    }
    if (left > 0) {
      log.warn({ event: event.event, suppressed: left }, "log lines of this event left out");
    }
    log[level](event, message);
  };
}
