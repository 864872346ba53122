import { describe, expect, test } from "vitest";
import { BootSessions } from "../../../src/timeline/boots.ts";
import type { Stage } from "../../../src/timeline/stages.ts";
import { at } from "../../support/admin-site.ts";

const startMs = 1_000_000;

/** A machine that was so many milliseconds at its script, and then came up. */
function comesUp(sessions: BootSessions, machine: number, scriptMs: number): void {
  record(sessions, "script", machine, 0);
  record(sessions, "kernel", machine, scriptMs);
  record(sessions, "micro-os", machine, scriptMs + 1000);
}

function record(sessions: BootSessions, stage: Stage, machine: number, ms: number) {
  const mac = `52:54:00:00:00:${machine.toString(16).padStart(2, "0")}`;
  return sessions.record(stage, { mac, address: null }, {}, at(startMs + ms));
}

describe("how long boots here are at a stage", () => {
  test("is known once one came up, and not of the last stage", () => {
    const sessions = new BootSessions();
    const boot = record(sessions, "script", 9, 0);
    expect(sessions.paceOf(boot, startMs + 100)).toBeNull();
    comesUp(sessions, 1, 300);
    expect(sessions.paceOf(boot, startMs + 100)).toEqual({
      elapsedMs: 100,
      usualMs: 300,
      boots: 1,
      isLate: false,
    });
    expect(sessions.paceOf(record(sessions, "micro-os", 9, 500), startMs + 600)).toBeNull();
  });

  test("is longer than usual beyond what nine of ten took, and some", () => {
    const sessions = new BootSessions();
    for (let machine = 1; machine <= 10; machine++) comesUp(sessions, machine, 1000 * machine);
    const boot = record(sessions, "script", 99, 0);
    const isLate = (ms: number) => sessions.paceOf(boot, startMs + ms)?.isLate;
    expect(isLate(11_000)).toBe(false);
    expect(isLate(11_001)).toBe(true);
  });

  test("where all take the same, half as long again and two seconds", () => {
    const sessions = new BootSessions();
    for (let machine = 1; machine <= 10; machine++) comesUp(sessions, machine, 20_000);
    const boot = record(sessions, "script", 99, 0);
    const isLate = (ms: number) => sessions.paceOf(boot, startMs + ms)?.isLate;
    expect([isLate(32_000), isLate(32_001)]).toEqual([false, true]);
  });

  test("is of the last hundred boots", () => {
    const sessions = new BootSessions();
    for (let machine = 0; machine < 100; machine++) comesUp(sessions, machine, 60_000);
    for (let machine = 100; machine < 200; machine++) comesUp(sessions, machine, 500);
    const boot = record(sessions, "script", 201, 0);
    expect(sessions.paceOf(boot, startMs)).toMatchObject({ usualMs: 500, boots: 100 });
  });

  test("a Micro-OS that reports again and again counts once, and a restart forgets nothing", () => {
    const sessions = new BootSessions();
    comesUp(sessions, 1, 300);
    comesUp(sessions, 2, 700);
    comesUp(sessions, 3, 900);
    record(sessions, "micro-os", 1, 5000);
    record(sessions, "script", 9, 0);
    const again = new BootSessions();
    const kept = sessions.list().toReversed();
    again.restore(
      kept.map((boot) => ({ boot, events: [] })),
      startMs + 10_000,
    );
    for (const one of [sessions, again]) {
      const [boot] = one.bootsOf("52:54:00:00:00:09");
      const pace = boot === undefined ? null : one.paceOf(boot, startMs);
      expect(pace).toMatchObject({ usualMs: 700, boots: 3 });
    }
  });
});
