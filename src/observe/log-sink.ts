import type { Clock } from "../lib/clock.ts";
import type { Mac } from "../lib/mac.ts";
import { eventCatalogue } from "../events/catalogue.ts";
import { LineLimit } from "../events/line-limit.ts";
import type { EventName, PxeEvent } from "../events/types.ts";
import type { Logger } from "./log.ts";

export interface LogSinkParts {
  readonly log: Logger;
  readonly clock: Clock;
  /** Whether a machine is known by more than its own word: what is logged of all others together is bounded. */
  readonly isKnown: (mac: Mac) => boolean;
  /** Called for each line that is left out. */
  readonly suppressed: (event: EventName) => void;
}

/** Writes a line for each event, at the level and with the words of the catalogue, within the limits of `LineLimit`. */
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
    const { log, isKnown, suppressed } = this.#parts;
    const { level, message } = eventCatalogue[event.event];
    if (!log.isLevelEnabled(level)) return;
    const mac = "mac" in event ? event.mac : null;
    const left = this.#limit.take(event, mac !== null && isKnown(mac));
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
