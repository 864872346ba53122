import type { BootSessions, StepDetail } from "../timeline/boots.ts";
import { isStage } from "../timeline/stages.ts";
import { type Clock, momentOf } from "../lib/clock.ts";
import { eventCatalogue } from "../events/catalogue.ts";
import type { EventName, Machine, PxeEvent } from "../events/types.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

export type Listener = (event: PxeEvent) => void;

export interface ReporterParts {
  readonly sessions: BootSessions;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

// Lines of one event name in one second. A hostile neighbour must not fill the disk with log lines.
const linesPerSecond = 100;

/**
 * Takes every event and makes of it one log line, one count, one step of the machine's timeline and
 * one message to each listener. Nothing is reported anywhere else.
 */
export class Reporter {
  readonly #parts: ReporterParts;
  readonly #listeners = new Set<Listener>();
  readonly #lines = new Map<EventName, { second: number; written: number; left: number }>();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  readonly emit = (raised: PxeEvent): void => {
    const event = this.#complete(raised);
    this.#follow(event);
    this.#parts.metrics.count(event);
    this.#write(event);
    for (const listener of this.#listeners) listener(event);
  };

  /** Hears every event from now on, until the returned function is called. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** An event that knows only an address gets the machine that the address belongs to. */
  #complete(event: PxeEvent): PxeEvent {
    if (!("mac" in event) || event.mac !== null) return event;
    const mac = this.#parts.sessions.machineAt(event.address);
    return mac === null ? event : { ...event, mac };
  }

  #follow(event: PxeEvent): void {
    const { sessions, clock, metrics } = this.#parts;
    const at = momentOf(clock);
    if (isStage(event.event) && "mac" in event) {
      const boot = sessions.record(event.event, sightingOf(event), detailOf(event), at);
      const step = boot.steps.find(({ stage }) => stage === event.event);
      if (step !== undefined && step.count === 1) {
        metrics.stageReached(event.event, (at.nowMs - boot.startedAtMs) / 1000);
      }
      return;
    }
    switch (event.event) {
      case "address-learned":
      case "lease-granted":
        if (event.mac !== null && event.address !== null) {
          sessions.learnAddress(event.mac, event.address);
        }
        return;
      case "unbeatable-server":
        sessions.obstruct(event, event.reason);
        return;
      case "system-dhcp":
        if (sessions.awaitsMicroOs(event, at.nowMs)) {
          const { mac, address } = event;
          this.emit({ event: "micro-os", mac, address, evidence: "dhcp" });
        }
        return;
      default:
        return;
    }
  }

  #write(event: PxeEvent): void {
    const { log, metrics, clock } = this.#parts;
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
      metrics.logLineSuppressed(event.event);
      return;
    }
    log[level](event, message);
  }
}

function sightingOf(event: PxeEvent & Machine) {
  return {
    mac: event.mac,
    address: event.address,
    uuid: "uuid" in event ? event.uuid : null,
    serial: "serial" in event ? event.serial : null,
    generation: "generation" in event ? event.generation : null,
  };
}

/** What a timeline shows of a stage: the event's own fields, without those that the boot has anyway. */
function detailOf(event: PxeEvent): StepDetail {
  const detail: Record<string, string | number | boolean | null> = {};
  for (const [key, value] of Object.entries(event)) {
    if (["event", "mac", "address", "uuid", "serial"].includes(key)) continue;
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) {
      detail[key] = value;
    }
  }
  return detail;
}
