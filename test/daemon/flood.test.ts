import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { attachSubscribers } from "../../src/daemon/subscribers.ts";
import { EventBus } from "../../src/events/bus.ts";
import { eventCatalogue } from "../../src/events/catalogue.ts";
import type { EventName, PxeEvent } from "../../src/events/types.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { BootSessions } from "../../src/timeline/boots.ts";

/*
 * Whatever a neighbour on the network sends is at last an event, and every event of the catalogue is
 * tried here as if he could cause it, so that a new one is covered too.
 */

const names = Object.keys(eventCatalogue).filter(
  (name): name is EventName => name in eventCatalogue,
);
const seconds = 12;
const eachSecond = 150;

/** What the sinks take for an event; which fields it has besides its own is of no consequence to them. */
const isEvent = (fields: object): fields is PxeEvent => "event" in fields;

/** An event with all fields that any event has. */
function eventOf(name: EventName, n: number): PxeEvent {
  const fields = {
    event: name,
    mac: `02:00:00:00:${((n >> 8) & 255).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`,
    address: `10.0.${(n >> 8) & 255}.${n & 255}`,
    interface: "eth1",
    server: `10.9.${(n >> 8) & 255}.${n & 255}`,
    origin: "https://o.example",
    expiresAt: "2030-01-01T00:00:00.000Z",
    uuid: null,
    serial: null,
    generation: "g1",
    protocol: "tftp",
    file: `file-${n}`,
    bytes: 1,
    retransmissions: 0,
    dropped: 1,
    reason: `reason ${n}`,
    subscriber: `part ${n}`,
  };
  if (!isEvent(fields)) throw new TypeError(`${name} is no event`);
  return fields;
}

/** How many lines a flood of one event writes into the log at its most talkative. */
function linesOf(each: (n: number) => PxeEvent): number {
  let nowMs = 0;
  let lines = 0;
  const out = new PassThrough();
  out.on("data", (chunk: Uint8Array) => {
    lines += Buffer.from(chunk).toString("utf8").split("\n").length - 1;
  });
  const clock = { now: () => nowMs, wall: () => nowMs };
  const bus = new EventBus(clock);
  attachSubscribers(bus, {
    sessions: new BootSessions(),
    nodes: () => {},
    firmware: () => {},
    metrics: createMetrics(
      () => true,
      () => [],
      () => ({ busy: 0, idle: 0 }),
    ),
    log: createLog({ level: "debug", out }),
    readiness: () => {},
    clock,
  });
  for (let n = 0; n < seconds * eachSecond; n++) {
    bus.emit(each(n));
    nowMs += 1000 / eachSecond;
  }
  return lines;
}

describe("a flood", () => {
  it.each(names)("of %s from ever new machines does not fill the log", (name) => {
    // A hundred lines a second, and one that says how many were left out.
    expect(linesOf((n) => eventOf(name, n))).toBeLessThanOrEqual(seconds * 101);
  });

  const ruled = names.filter((name) => eventCatalogue[name].show !== undefined);

  it.each(ruled)("of %s that is always the same shows it as its rule says", (name) => {
    const every = eventCatalogue[name].show?.every ?? 0;
    const most = Math.ceil((seconds * 1000) / every);
    expect(linesOf(() => eventOf(name, 7))).toBe(most);
  });
});
