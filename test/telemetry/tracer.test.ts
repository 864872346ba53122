import { beforeEach, describe, expect, it } from "vitest";
import { EventBus } from "../../src/events/bus.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import type { Span } from "../../src/telemetry/span.ts";
import { Tracer } from "../../src/telemetry/tracer.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { stages } from "../../src/timeline/stages.ts";
import { PlannedTraces, traceOf } from "../../src/timeline/traces.ts";
import { say, storyAddress, storyMac } from "../support/boot-story.ts";

const START_MS = 1_000_000;
const who = { mac: storyMac, address: storyAddress };
const initramfs = { file: "initramfs-x86_64", bytes: 1000 };

let nowMs: number;
let made: number;
let spans: Span[];
let sessions: BootSessions;
let tracer: Tracer;
let bus: EventBus;

/** A program that starts now, with the boots that one before it kept. */
function start(kept = sessions): void {
  const clock = { now: () => nowMs, wall: () => 1_800_000_000_000 + nowMs };
  sessions = kept;
  tracer = new Tracer({ sessions, clock, ended: (span) => void spans.push(span) });
  bus = new EventBus(clock);
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: () => null,
      emit: bus.emit,
      stageReached: () => {},
    }),
    { name: "traces", hears: "every", hear: (event) => tracer.hear(event) },
  ]);
}

beforeEach(() => {
  [nowMs, made, spans] = [START_MS, 0, []];
  const id = (digits: number) => String((made += 1)).padStart(digits, "0");
  const make = () => ({ traceId: id(32), spanId: id(16), parentId: null, sampled: true });
  start(new BootSessions({}, new PlannedTraces(make)));
  bus.emit(say.address());
});

function at(seconds: number, event: PxeEvent): void {
  nowMs = START_MS + seconds * 1000;
  bus.emit(event);
}

const wholeBoot: readonly PxeEvent[] = [
  say.discover(),
  say.offer(),
  say.loaderStart(),
  say.loaderDone(),
  say.ipxeDiscover(),
  say.ipxeOffer(),
  say.script(),
  { event: "kernel", ...who, file: "vmlinuz-x86_64", bytes: 5, generation: "g" },
  { event: "initramfs-start", ...who, ...initramfs, generation: "g" },
  { event: "initramfs-done", ...who, ...initramfs, durationMs: 5 },
  { event: "micro-os", ...who, evidence: "beacon" },
];

const named = (name: string) => spans.filter((span) => span.name === name);

describe("the trace of a boot", () => {
  it("has a span for the boot and one for each stage below it, with their real times", () => {
    for (const [second, event] of wholeBoot.entries()) at(second, event);
    expect(spans.map(({ name }) => name)).toEqual([...stages, "network boot"]);
    const root = spans.at(-1);
    const wall = (seconds: number) => 1_800_000_000_000 + START_MS + seconds * 1000;
    expect(root).toMatchObject({ parentId: null, startMs: wall(0), endMs: wall(10), error: null });
    expect(root?.attributes).toMatchObject({
      "host.mac": ["08-00-27-29-4E-67"],
      "eim_pxe.stage": "micro-os",
      "client.address": storyAddress,
    });
    expect(spans.slice(0, -1).map(({ startMs, endMs }) => [startMs, endMs])).toEqual(
      stages.map((_, n) => [wall(n), wall(Math.min(n + 1, 10))]),
    );
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(12);
    expect(new Set(spans.slice(0, -1).map(({ parentId }) => parentId))).toEqual(
      new Set([root?.spanId]),
    );
    expect(named("loader-start")[0]?.attributes).toMatchObject({ "eim_pxe.count": 1 });
    expect(tracer.size).toBe(0);
  });

  it("has each stage as soon as the next one is reached", () => {
    at(0, say.discover());
    expect(spans).toEqual([]);
    at(1, say.offer());
    expect(spans.map(({ name }) => name)).toEqual(["discover"]);
  });

  it("has what was asked again, and refused, as events of the stage in which that was", () => {
    at(0, say.discover());
    at(4, say.discover());
    at(5, say.offer());
    at(6, say.tftpRefused(1));
    at(7, say.loaderStart());
    expect(named("discover")[0]?.events.map(({ name }) => name)).toEqual(["discover"]);
    expect(named("offer")[0]?.events).toMatchObject([
      { name: "tftp-refused", attributes: { "eim_pxe.reason": "file not found" } },
    ]);
  });

  it("keeps no more than some events of a stage, and counts the rest", () => {
    for (let n = 0; n < 500; n += 1) at(n / 10, say.discover());
    at(50, say.offer());
    expect(named("discover")[0]?.events).toHaveLength(32);
    expect(named("discover")[0]?.droppedEvents).toBe(467);
  });

  it("ends a stage that stands still with the cause, and goes on when the boot does", () => {
    at(0, say.discover());
    at(1, say.offer());
    const [cause, remedy] = ["the loader is missing", "put it there"];
    const [boot, stage, code] = ["x", "offer", "loader-missing"];
    at(70, { event: "boot-stalled", ...who, boot, stage, code, cause, remedy, who: "site" });
    expect(named("offer")[0]).toMatchObject({ error: cause, events: [{ name: "boot-stalled" }] });
    at(80, say.loaderStart());
    at(81, say.loaderDone());
    expect(named("loader-start")).toHaveLength(1);
    expect(named("network boot")).toEqual([]);
  });

  it("ends with the machine's next boot, which is another trace", () => {
    at(0, say.discover());
    at(1, say.offer());
    at(2, say.loaderStart());
    at(3, say.discover());
    const [root] = named("network boot");
    expect(root?.error).toBe("the machine began another boot");
    at(4, say.offer());
    expect(spans.at(-1)).toMatchObject({ name: "discover" });
    expect(spans.at(-1)?.traceId).not.toBe(root?.traceId);
  });

  it("ends when nothing more is heard of the machine", () => {
    at(0, say.discover());
    nowMs += 9 * 60_000;
    tracer.sweep();
    expect(spans).toEqual([]);
    nowMs += 61_000;
    tracer.sweep();
    expect(spans.map(({ name }) => name)).toEqual(["discover", "network boot"]);
    tracer.sweep();
    expect(spans).toHaveLength(2);
  });

  it("goes on after a restart with the stages that come, and says nothing twice", () => {
    for (const [second, event] of wholeBoot.slice(0, 7).entries()) at(second, event);
    const before = spans.map(({ name }) => name);
    const kept = sessions;
    nowMs += 500;
    start(kept);
    for (const [n, event] of wholeBoot.slice(7).entries()) at(10 + n, event);
    expect(before).toEqual(stages.slice(0, 6));
    expect(spans.map(({ name }) => name)).toEqual([...stages, "network boot"]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(named("script")[0]).toMatchObject({ endMs: 1_800_000_000_000 + START_MS + 10_000 });
  });

  it("is the one that the loader's name brings from another server", () => {
    const traceId = "23b1e307bb35484f535a1f772c06910e";
    const parentId = "d887dc3912240434";
    const traceparent = `00-${traceId}-${parentId}-01`;
    const loader = { file: "ipxe.efi", protocol: "tftp", bytes: 5, traceparent } as const;
    at(0, { event: "loader-start", ...who, ...loader });
    at(1, say.loaderDone());
    for (const [n, event] of wholeBoot.slice(4).entries()) at(2 + n, event);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(spans.at(-1)).toMatchObject({ name: "network boot", parentId, parentIsRemote: true });
  });

  it("was named to the machine before its boot began", () => {
    const told = traceOf(sessions, who, "discover", nowMs);
    expect(traceOf(sessions, who, "discover", nowMs)).toEqual(told);
    at(0, say.discover());
    expect(traceOf(sessions, who, "offer", nowMs)).toEqual(told);
    at(1, say.offer());
    expect(spans[0]).toMatchObject({ traceId: told?.traceId, parentId: told?.parentId });
  });

  it("has no end for machines that are flooded in: the oldest are ended", () => {
    for (let n = 0; n < 12_000; n += 1) {
      const mac = `02:00:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
      at(n / 1000, say.discover({ mac }));
    }
    expect(tracer.size).toBeLessThanOrEqual(10_000);
  });

  it("is none where boots are not traced", () => {
    start(new BootSessions());
    for (const [second, event] of wholeBoot.entries()) at(second, event);
    expect(spans).toEqual([]);
    expect(tracer.size).toBe(0);
  });
});
