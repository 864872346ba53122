import type { EventBus, Subscriber } from "../events/bus.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../observe/log.ts";
import { LogSink } from "../observe/log-sink.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Mac } from "../lib/mac.ts";
import type { BootSessions } from "../timeline/boots.ts";
import { knownNeighbours } from "./links/neighbours.ts";
import { TimelineRecorder } from "../timeline/recorder.ts";

export interface SubscriberParts {
  readonly sessions: BootSessions;
  /** Learns what machines did with what was decided about them. */
  readonly nodes: Subscriber["hear"];
  /** Learns how firmware has to be answered, and which loader runs. */
  readonly firmware: Subscriber["hear"];
  readonly metrics: Metrics;
  readonly log: Logger;
  /** As `LogSinkParts` has it; default: no machine is. */
  readonly isKnown?: (mac: Mac) => boolean;
  /** Looks again whether a machine could boot. */
  readonly readiness: Subscriber["hear"];
  /** Tell other programs; default: nobody is told. */
  readonly elsewhere?: readonly Subscriber[];
  readonly clock: Clock;
}

/**
 * Attaches everyone who hears of events, in the order in which they hear: first those that the answers to
 * machines depend on, then those that only report. The streams of the admin port subscribe later, and are
 * last.
 */
export function attachSubscribers(bus: EventBus, parts: SubscriberParts): void {
  const { sessions, nodes, firmware, metrics, log, readiness, elsewhere = [], clock } = parts;
  const { isKnown = () => false } = parts;
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: knownNeighbours(clock),
      emit: bus.emit,
      stageReached: (stage, seconds) => metrics.stageReached(stage, seconds),
    }),
    { name: "nodes", hears: "every", hear: nodes },
    { name: "firmware", hears: "every", hear: firmware },
    {
      name: "metrics",
      hears: "every",
      hear: (event, isShown) => {
        metrics.count(event);
        if (!isShown) metrics.logLineSuppressed(event.event);
      },
    },
    new LogSink({ log, clock, isKnown, suppressed: (event) => metrics.logLineSuppressed(event) }),
    { name: "readiness", hears: "shown", hear: readiness },
    ...elsewhere,
  ]);
}
