import { describe, expect, test } from "vitest";
import { BootSessions } from "../../../src/timeline/boots.ts";
import {
  type OtherServer,
  serverWhereItGoesOn,
} from "../../../src/timeline/elsewhere/other-boots.ts";
import { isOverHere, machinesByStatus, statusOf } from "../../../src/timeline/rules.ts";
import { Stalls } from "../../../src/timeline/stalls.ts";
import {
  type Beat,
  BootStory,
  say,
  siteServer,
  startMs,
  storyMac,
} from "../../support/boot-story.ts";
import { saidOf } from "../../support/failing-boots.ts";

const asked: readonly Beat[] = [
  [0, say.discover()],
  [0, say.fullOffer()],
];
const taken = (shared: boolean): readonly Beat[] => [...asked, [1, say.takenElsewhere(shared)]];

function later(beats: readonly Beat[], seconds: number): readonly Beat[] {
  return beats.map(([at, event]): Beat => [at + seconds, event]);
}

/** What is found within ten minutes. */
function foundIn(beats: readonly Beat[]): readonly string[] {
  const story = new BootStory();
  const stalls = new Stalls(story.sessions);
  const found: string[] = [];
  const look = (seconds: number): void => {
    if (seconds % 5 !== 0) return;
    for (const { finding } of stalls.look(startMs + seconds * 1000)) found.push(finding.code);
  };
  story.play(beats, look).waitUntil(600, look);
  return found;
}

describe("a machine that took another server's offer", () => {
  test("stands still nowhere where that server shares the database, also when it boots again and again", () => {
    expect(foundIn(taken(true))).toEqual([]);
    expect(foundIn([0, 100, 200, 300].flatMap((at) => later(taken(true), at)))).toEqual([]);
    const story = new BootStory().play(taken(true)).play(later(taken(true), 100));
    expect(story.boot()?.attempt).toBe(1);
  });

  test("has that server named as the cause where it is any other", () => {
    expect(foundIn(taken(false))).toEqual(["other-server-taken"]);
    expect(saidOf(taken(false))).toMatchObject({
      certainty: "proved",
      cause: expect.stringContaining(siteServer),
    });
  });

  test("is watched again as soon as it does something here", () => {
    const loading: Beat = [5, say.loaderStart()];
    expect(foundIn([...taken(true), loading])).toEqual(["loader-unfinished"]);
    expect(foundIn([...taken(false), loading])).toEqual(["loader-unfinished"]);
    expect(foundIn([...taken(true), ...later(asked, 20)])).toHaveLength(1);
  });

  test("goes on for a minute, and is neither listed nor counted after that", () => {
    const story = new BootStory().play(taken(true));
    const boot = story.boot();
    if (boot === null) throw new Error("there is no boot");
    const look = (seconds: number) => {
      const nowMs = startMs + seconds * 1000;
      const counting = machinesByStatus([boot], nowMs);
      let step = counting.next();
      while (step.done !== true) step = counting.next();
      return [statusOf(boot, nowMs), isOverHere(boot, nowMs), step.value.booting];
    };
    expect([look(60), look(62)]).toEqual([
      ["booting", false, 1],
      ["booting", true, 0],
    ]);
  });
});

describe("a boot that stands still here", () => {
  const machine = { mac: storyMac, address: null };
  const at = (seconds: number) => ({ nowMs: seconds * 1000, wallMs: seconds * 1000 });
  const boot = { mac: storyMac, stage: "offer", updatedAtMs: 10_000 } as const;
  const there = (...steps: readonly (readonly ["discover" | "offer" | "script", number])[]) => {
    const sessions = new BootSessions();
    for (const [stage, seconds] of steps) sessions.record(stage, machine, {}, at(seconds));
    return [{ id: "id-b", name: "host-b", sessions }] satisfies readonly OtherServer[];
  };

  test("went on with another server where that saw it come further at the same time", () => {
    expect(serverWhereItGoesOn(boot, there(["discover", 9], ["script", 20]))).toBe("host-b");
    expect(serverWhereItGoesOn({ ...boot, mac: null }, there(["script", 20]))).toBeNull();
  });

  test("did not where that saw no more of it, or another boot", () => {
    expect(serverWhereItGoesOn(boot, there(["discover", 9], ["offer", 10]))).toBeNull();
    expect(serverWhereItGoesOn(boot, there(["script", 5]))).toBeNull();
    expect(serverWhereItGoesOn(boot, there(["discover", 200], ["script", 210]))).toBeNull();
    expect(serverWhereItGoesOn(boot, [])).toBeNull();
  });
});
