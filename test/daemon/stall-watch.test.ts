import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startStallWatch } from "../../src/daemon/stall-watch.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { BootStory, startMs, storyAddress, storyMac } from "../support/boot-story.ts";
import { addressed } from "../support/failing-boots.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("the watch for boots that stand still", () => {
  test("reports each once, with its cause, what to do and who, and counts it by its cause", async () => {
    const { sessions } = new BootStory().play(addressed);
    const events: PxeEvent[] = [];
    const metrics = createMetrics(
      () => true,
      () => [],
      () => ({ busy: 0, idle: 0 }),
    );
    const beganMs = Date.now();
    const now = () => startMs + Date.now() - beganMs;
    const stop = startStallWatch({
      boots: sessions,
      emit: (event) => {
        events.push(event);
        metrics.count(event);
      },
      clock: { now, wall: now },
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual([]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(events).toEqual([
      {
        event: "boot-stalled",
        mac: storyMac,
        address: storyAddress,
        boot: expect.stringContaining(storyMac),
        stage: "offer",
        code: "tftp-blocked",
        cause: expect.stringContaining("UDP 69"),
        remedy: expect.stringContaining("let UDP 69"),
        who: "network",
      },
    ]);
    expect(await metrics.registry.metrics()).toContain(
      'eim_pxe_boots_stalled_total{diagnosis="tftp-blocked"} 1',
    );
    const timers = vi.getTimerCount();
    stop();
    expect(vi.getTimerCount()).toBe(timers - 1);
  });

  test("says of one that another server of the database saw go on that it went there, and once", async () => {
    const { sessions } = new BootStory().play(addressed);
    const there = new BootSessions();
    const machine = { mac: storyMac, address: null };
    there.record("script", machine, {}, { nowMs: startMs + 20_000, wallMs: startMs });
    const events: PxeEvent[] = [];
    const beganMs = Date.now();
    const now = () => startMs + Date.now() - beganMs;
    const stop = startStallWatch({
      boots: sessions,
      emit: (event) => void events.push(event),
      clock: { now, wall: now },
      elsewhere: () => [{ id: "id-b", name: "host-b", sessions: there }],
    });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(events).toEqual([
      { event: "taken-elsewhere", ...machine, interface: "eth1", server: "host-b", shared: true },
    ]);
    stop();
  });
});
