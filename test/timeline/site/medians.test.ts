import { describe, expect, test } from "vitest";
import { bootsByHour, stageMedians } from "../../../src/timeline/site/medians.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import type { Stage } from "../../../src/timeline/stages.ts";
import { at } from "../../support/admin-site.ts";

const hourMs = 3_600_000;
const startMs = 1000 * hourMs;

function boots(told: readonly (readonly [number, Stage, number])[]): BootSessions {
  const sessions = new BootSessions();
  for (const [machine, stage, ms] of told) {
    const seen = { mac: `52:54:00:00:00:0${machine}`, address: null };
    sessions.record(stage, seen, {}, at(startMs + ms));
  }
  return sessions;
}

describe("the medians of the stages", () => {
  test("are the middle of the boots that reached the stage, from the start of each", () => {
    const sessions = boots([
      [1, "discover", 0],
      [1, "script", 1000],
      [2, "discover", 500],
      [2, "script", 3500],
      [3, "discover", 0],
      [3, "script", 9000],
      [3, "kernel", 9100],
    ]);
    expect(stageMedians(sessions.list())).toEqual([
      { stage: "discover", afterMs: 0, boots: 3 },
      { stage: "script", afterMs: 3000, boots: 3 },
      { stage: "kernel", afterMs: 9100, boots: 1 },
    ]);
    expect(stageMedians([])).toEqual([]);
  });

  test("of an even number of boots are between the two in the middle", () => {
    const sessions = boots([
      [1, "discover", 0],
      [1, "script", 1000],
      [2, "discover", 0],
      [2, "script", 2000],
    ]);
    expect(stageMedians(sessions.list())[1]).toEqual({ stage: "script", afterMs: 1500, boots: 2 });
  });
});

test("boots are counted by the hour in which they began", () => {
  const sessions = boots([
    [1, "discover", 0],
    [2, "discover", 0],
    [2, "micro-os", 10_000],
    [3, "discover", hourMs],
  ]);
  const hours = bootsByHour(sessions.list(), startMs + hourMs + 5, 3);
  expect(hours).toEqual([
    { startedWallMs: startMs - hourMs, boots: 0, up: 0 },
    { startedWallMs: startMs, boots: 2, up: 1 },
    { startedWallMs: startMs + hourMs, boots: 1, up: 0 },
  ]);
});
