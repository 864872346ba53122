import { describe, expect, test } from "vitest";
import { WaitingTimeline } from "../../../src/daemon/state/waiting-timeline.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";

const keepBoots = 100;
const macOf = (n: number) =>
  `02:00:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;

function waitingBesides(sessions: BootSessions): WaitingTimeline {
  return new WaitingTimeline({
    isKept: (number) => sessions.byNumber(number) !== null,
    keepBoots,
  });
}

describe("what waits for a disk that takes nothing", () => {
  test("is no more than boots that are kept, whoever asks meanwhile", () => {
    const sessions = new BootSessions({ keepBoots });
    const failed = waitingBesides(sessions);
    let most = 0;
    for (let round = 0; round < 20; round++) {
      // As after each write that failed: what came meanwhile is added.
      const newer = waitingBesides(sessions);
      sessions.follow(newer);
      for (let n = 0; n < 1000; n++) {
        const seen = { mac: macOf(round * 1000 + n), address: null };
        sessions.record("discover", seen, {}, { nowMs: n, wallMs: n });
        most = Math.max(most, newer.boots.length);
      }
      failed.add(newer);
      most = Math.max(most, failed.boots.length);
    }
    expect(most).toBeLessThanOrEqual(2 * keepBoots);
    expect(failed.boots.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
      sessions
        .list()
        .map(({ number }) => number)
        .toReversed(),
    );
  });

  test("is of each boot the first and the last events, and of all a bounded number", () => {
    const waiting = waitingBesides(new BootSessions());
    for (let n = 0; n < 500; n++) waiting.event(1, `{"n":${n}}`);
    expect(waiting.lines).toHaveLength(120);
    expect(waiting.lines[0]).toContain('{"n":0}');
    expect(waiting.lines.at(-1)).toContain('{"n":499}');
    for (let number = 2; number < 1000; number++) {
      for (let n = 0; n < 120; n++) waiting.event(number, `{"n":${n}}`);
    }
    expect(waiting.lines.length).toBeLessThanOrEqual(20_000);
    expect(waiting.lines.at(-1)).toContain("999");
  });
});
