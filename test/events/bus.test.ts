import { beforeEach, describe, expect, it } from "vitest";
import { EventBus, type Subscriber } from "../../src/events/bus.ts";
import type { PxeEvent } from "../../src/events/types.ts";

const stopping = { event: "stopping", signal: "SIGTERM" } as const;
const reloaded = { event: "reloaded", nodes: 1 } as const;

let bus: EventBus;
let nowMs: number;
let heard: string[];

beforeEach(() => {
  nowMs = 0;
  bus = new EventBus({ now: () => nowMs, wall: () => nowMs });
  heard = [];
});

function listens(name: string): Subscriber {
  return { name, hears: "every", hear: ({ event }) => heard.push(`${name} ${event}`) };
}

function throws(name: string): Subscriber {
  return {
    name,
    hears: "every",
    hear: ({ event }) => {
      throw new TypeError(`${name} cannot take ${event}`);
    },
  };
}

describe("the event bus", () => {
  it("hands each event to its subscribers in the order they were attached, streams last", () => {
    bus.attach([listens("first")]);
    bus.subscribe(({ event }) => heard.push(`stream ${event}`));
    bus.attach([listens("second")]);
    bus.emit(stopping);
    expect(heard).toEqual(["first stopping", "second stopping", "stream stopping"]);
  });

  it("has everybody hear a cause before what a subscriber emits because of it", () => {
    const follows: Subscriber = {
      name: "follows",
      hears: "every",
      hear: ({ event }) => {
        heard.push(`follows ${event}`);
        if (event === "stopping") bus.emit(reloaded);
      },
    };
    bus.attach([follows, listens("second")]);
    bus.emit(stopping);
    expect(heard).toEqual([
      "follows stopping",
      "second stopping",
      "follows reloaded",
      "second reloaded",
    ]);
  });

  it("hands on what a subscriber completes, to those before it too", () => {
    const events: PxeEvent[] = [];
    const completes: Subscriber = {
      name: "completes",
      hears: "every",
      complete: (event) => (event.event === "reloaded" ? { ...event, nodes: 7 } : event),
      hear: () => {},
    };
    const before: Subscriber = { ...listens("before"), hear: (event) => events.push(event) };
    bus.attach([before, completes]);
    bus.emit(reloaded);
    expect(events).toEqual([{ event: "reloaded", nodes: 7 }]);
  });

  it("stops at nobody when a subscriber throws, and reports that once", () => {
    const events: PxeEvent[] = [];
    bus.attach([listens("before"), throws("broken"), listens("after")]);
    bus.subscribe((event) => events.push(event));
    expect(() => bus.emit(stopping)).not.toThrow();
    bus.emit(reloaded);
    bus.emit(reloaded);
    expect(heard.filter((text) => text.startsWith("after"))).toEqual([
      "after stopping",
      "after subscriber-failed",
      "after reloaded",
      "after reloaded",
    ]);
    expect(events.filter(({ event }) => event === "subscriber-failed")).toEqual([
      { event: "subscriber-failed", subscriber: "broken", reason: "broken cannot take stopping" },
    ]);
  });

  it("hands on the event as it was when completing it fails, and reports that", () => {
    const completes: Subscriber = {
      ...listens("completes"),
      complete: () => {
        throw new TypeError("nothing is known");
      },
    };
    bus.attach([completes]);
    bus.emit(stopping);
    expect(heard).toEqual(["completes stopping", "completes subscriber-failed"]);
  });

  it("ends when all subscribers fail on everything, also on the report of that", () => {
    const broken = ["timeline", "metrics", "log"].map(throws);
    bus.attach(broken);
    bus.subscribe(({ event }) => {
      heard.push(event);
      throw new TypeError("the stream is broken");
    });
    bus.emit(stopping);
    const reports = Array.from({ length: 4 }, () => "subscriber-failed");
    expect(heard).toEqual(["stopping", ...reports]);
  });

  it("does not hand anything to a stream that has ended", () => {
    const stop = bus.subscribe(({ event }) => {
      heard.push(event);
      stop();
    });
    bus.emit(stopping);
    bus.emit(reloaded);
    expect(heard).toEqual(["stopping"]);
  });
});
