import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readHostStart, watchClock } from "../../../src/daemon/state/clock-watch.ts";
import type { LeaseStore } from "../../../src/dhcp/leases/lease-store.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("field fault 17: a clock that is set is reported once, and written into the journal", () => {
  let [nowMs, setByMs] = [0, 0];
  const clock = new SteadyClock({ now: () => nowMs, wall: () => nowMs + setByMs });
  const events: PxeEvent[] = [];
  let noted = 0;
  const journal: LeaseStore = {
    written: new LeaseTable(),
    append: () => Promise.resolve(),
    noteClock: async () => void noted++,
    isWritable: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
  const stop = watchClock({ clock, journal, emit: (event) => events.push(event) });
  const pass = (ms: number) => {
    nowMs += ms;
    vi.advanceTimersByTime(ms);
  };
  pass(5000);
  setByMs = 1_770_000_000_000;
  pass(5000);
  // No two clocks are read at the same moment.
  setByMs += 900;
  pass(5000);
  setByMs -= 3_600_900;
  pass(1000);
  const found = "running";
  expect(events).toEqual([
    { event: "clock-step", seconds: 1_770_000_000, found },
    { event: "clock-step", seconds: -3600, found },
  ]);
  expect(noted).toBe(2);
  expect(clock.wall() + clock.offsetMs).toBe(nowMs + setByMs);
  stop();
  setByMs = 0;
  pass(5000);
  expect(events).toHaveLength(2);
});

test("the host's start has an identity, and time since it passes", async () => {
  const { bootId, upMs } = await readHostStart();
  expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
  expect(upMs()).toBeGreaterThan(0);
  expect((await readHostStart()).bootId).toBe(bootId);
});
