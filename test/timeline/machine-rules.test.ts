import { describe, expect, test } from "vitest";
import { BootSessions } from "../../src/timeline/boots.ts";
import { diagnose } from "../../src/timeline/rules.ts";
import { Stalls } from "../../src/timeline/stalls.ts";
import {
  asOther,
  type Beat,
  BootStory,
  otherMac,
  say,
  startMs,
  storyMac,
} from "../support/boot-story.ts";
import { addressed, fetched, loaded, saidOf } from "../support/failing-boots.ts";

const uuid = "4c4c4544-0042-3510-8052-b4c04f4e3732";
/** The same machine by firmware that has the bytes the other way round. */
const swapped = "44454c4c-4200-1035-8052-b4c04f4e3732";
const withUuid = (text: string) => say.discover({ uuid: text });
const late = (secs: number): readonly Beat[] => [
  [0, say.discover({ secs })],
  [0, say.offer()],
];

function shifted(beats: readonly Beat[], seconds: number): readonly Beat[] {
  return beats.map(([at, event]): Beat => [at + seconds, event]);
}

describe("row 1, 21: another network card of the machine", () => {
  const onFirst: readonly Beat[] = [
    [0, withUuid(uuid)],
    [0, say.offer()],
  ];

  test.each([
    ["with the same UUID", uuid, "other-card"],
    ["with its bytes in the other order", swapped, "other-card"],
    ["of another machine", "11223344-5566-7788-99aa-bbccddeeff00", "no-address"],
  ])("%s asks later", (_, other, code) => {
    const found = saidOf([...onFirst, [20, asOther(withUuid(other))]]);
    expect(found?.code).toBe(code);
    expect(found?.cause.includes(otherMac)).toBe(code === "other-card");
  });

  test.each(["00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009"])(
    "is not told by %s, which many boards have",
    (many) => {
      const beats: readonly Beat[] = [
        [0, withUuid(many)],
        [0, say.offer()],
        [20, asOther(withUuid(many))],
      ];
      expect(saidOf(beats)?.code).toBe("no-address");
    },
  );

  test("that asked before is not the one with the cable", () => {
    const found = saidOf([[0, asOther(withUuid(uuid))], ...shifted(onFirst, 20)]);
    expect(found?.code).toBe("no-address");
  });

  test("stays the cause when it has long been silent, and over a restart", () => {
    const beats: readonly Beat[] = [...onFirst, [20, asOther(withUuid(uuid))]];
    const story = new BootStory().play(beats);
    for (const seconds of [60, 700, 3 * 86_400])
      expect(story.diagnosis(seconds)?.code).toBe("other-card");
    const boot = story.boot();
    const sessions = new BootSessions();
    const kept = story.sessions.list().toReversed();
    sessions.restore(
      kept.map((one) => ({ boot: one, events: [] })),
      story.nowMs,
    );
    const nowMs = story.nowMs + 700_000;
    expect(boot && diagnose(sessions.evidence(boot, nowMs), nowMs)?.code).toBe("other-card");
  });

  test("stays the cause when it asks again and again", () => {
    const again = [20, 800, 1600].map((at): Beat => [at, asOther(withUuid(uuid))]);
    const story = new BootStory().play([...onFirst, ...again]);
    const first = story.sessions.list().find(({ mac }) => mac === storyMac);
    const nowMs = startMs + 86_400_000;
    expect(first && diagnose(story.sessions.evidence(first, nowMs), nowMs)?.code).toBe(
      "other-card",
    );
    const sessions = new BootSessions();
    const kept = story.sessions.list().toReversed();
    sessions.restore(
      kept.map((one) => ({ boot: one, events: [] })),
      story.nowMs,
    );
    expect(first && diagnose(sessions.evidence(first, nowMs), nowMs)?.code).toBe("other-card");
  });

  test("that asks hours later does not say why", () => {
    const found = saidOf([
      ...onFirst,
      [7200, asOther(withUuid(uuid))],
      [9000, asOther(say.address())],
    ]);
    expect(found?.code).toBe("no-address");
  });

  test("is meant where the loader ran on the first one", () => {
    const other = asOther(say.ipxeDiscover(uuid));
    const beats: readonly Beat[] = [[0, withUuid(uuid)], ...loaded.slice(1), [20, other]];
    expect(saidOf(beats)?.code).toBe("other-card");
  });
});

describe("row 2: a switch port that does not forward at once", () => {
  test.each([
    [12, "port-blocked-first"],
    [4, "port-blocked-first"],
    [0, "no-address"],
    [3, "no-address"],
    // Four seconds with the bytes the other way round.
    [1024, "no-address"],
  ])("is why a machine has asked for %i s when it is first heard", (secs, code) => {
    expect(saidOf(late(secs))?.code).toBe(code);
  });

  test("is not said of a machine whose first request came at once", () => {
    const repeats: readonly Beat[] = [0, 4, 12].flatMap((at) => shifted(late(at), at));
    expect(saidOf(repeats)?.code).toBe("no-address");
  });

  const system: readonly Beat[] = [
    [40, say.systemDhcp()],
    [41, say.address()],
  ];

  test.each([
    ["asks for an address", system],
    [
      "asks for the address that it had before",
      system.map(([, event]) => [40, event] as const).toReversed(),
    ],
  ])(
    "is said also when the machine has gone on to its disk, and the system there %s",
    (_, went) => {
      const found = saidOf([...late(12), ...went]);
      expect(found?.code).toBe("port-blocked-first");
      expect(found?.evidence.at(-1)).toBe("40.0 s: an operating system on it asked for an address");
      expect(saidOf([...late(0), ...went])?.code).toBe("no-address");
      expect(saidOf([...addressed, ...went])?.code).toBe("tftp-blocked");
    },
  );

  test("is not said of a machine that is switched on again behind its system, and takes an address", () => {
    const again: readonly Beat[] = [...late(12), [2, say.competing()], [3, say.address()]];
    expect(saidOf([...late(0), ...system, ...shifted(again, 50)])?.code).toBe("tftp-blocked");
  });

  test("is not said of a machine that took an address", () => {
    expect(saidOf([...late(12), [1, say.competing()], [2, say.address()]])?.code).toBe(
      "tftp-blocked",
    );
  });
});

describe("row 5: a switch that drops our offers", () => {
  test("is likely where others took addresses and asked for nothing here either", () => {
    const others = [say.discover(), say.offer(), say.address()];
    expect(saidOf(addressed, others)).toMatchObject({ code: "offers-dropped", who: "network" });
  });

  test("is none where it was the system on another machine's disk that took an address", () => {
    const first = [say.discover(), say.offer()];
    for (const system of [
      [say.systemDhcp(), say.address()],
      [say.address(), say.systemDhcp()],
    ])
      expect(saidOf(addressed, [...first, ...system])?.code).toBe("tftp-blocked");
  });

  test("is none where another machine came for its loader", () => {
    const others = [say.discover(), say.offer(), say.address(), say.loaderStart()];
    expect(saidOf(addressed, others)?.code).toBe("offer-passed-over");
  });
});

test("a machine that declines its address is told who has to look", () => {
  const declined = {
    event: "lease-declined",
    mac: storyMac,
    address: null,
    interface: "eth1",
  } as const;
  const full: readonly Beat[] = [
    [0, say.discover()],
    [0, say.fullOffer()],
    [1, say.lease()],
    [2, declined],
  ];
  expect(saidOf(full)).toMatchObject({ code: "address-declined", certainty: "proved" });
});

test("a machine that gave up when its address was refused is told from one that asked again", () => {
  const refused = {
    event: "lease-refused",
    mac: storyMac,
    address: "10.9.9.9",
    interface: "eth1",
    reason: "not on this network",
  } as const;
  const asked: readonly Beat[] = [
    [0, say.discover()],
    [0, say.fullOffer()],
    [1, refused],
  ];
  const cause = expect.stringContaining("asked for (not on this network)");
  expect(saidOf(asked)).toMatchObject({ code: "address-refused", certainty: "proved", cause });
  const again: readonly Beat[] = [...asked, [5, say.discover()], [5, say.fullOffer()]];
  expect(saidOf(again)?.code).toBe("offer-not-taken");
});

describe("row 29: a machine that boots from the network again and again", () => {
  const whole: readonly Beat[] = [...fetched, [40, say.microOs()]];
  const rounds = (count: number, everySeconds: number): readonly Beat[] =>
    Array.from({ length: count }, (_, index) =>
      shifted([[0, say.discover()], ...whole.slice(1)], index * everySeconds),
    ).flat();

  test("is said once it came up four times in a row, also while it boots once more", () => {
    expect(new BootStory().play(rounds(3, 900)).diagnosis(0)).toBeNull();
    const four = rounds(4, 900);
    expect(new BootStory().play(four).diagnosis(0)).toMatchObject({
      code: "boots-again",
      who: "orchestrator",
      cause: expect.stringContaining("4 times"),
    });
    const again = new BootStory().play([...four, [3600, say.discover()], [3600, say.offer()]]);
    expect(again.diagnosis(1)?.code).toBe("boots-again");
  });

  test("is nothing where it ran for a working day in between", () => {
    expect(new BootStory().play(rounds(5, 8 * 3600)).diagnosis(0)).toBeNull();
  });

  test("is over when the machine stays up at last, also for whoever looks anew", () => {
    const story = new BootStory().play(rounds(4, 900));
    expect(story.diagnosis(20 * 60)?.code).toBe("boots-again");
    const hour = startMs + 3 * 900_000 + 3600_000;
    expect(story.diagnosis(3600)).toBeNull();
    expect(new Stalls(story.sessions).look(hour)).toEqual([]);
  });

  test("is nothing where the Micro-OS reported itself until shortly before", () => {
    const days = Array.from({ length: 5 }, (_, day): readonly Beat[] =>
      shifted([...whole, [8 * 3600 - 60, say.microOs()]], day * 8 * 3600),
    ).flat();
    expect(new BootStory().play(days).diagnosis(0)).toBeNull();
  });

  test.each([
    ["goes on to its disk", say.localBoot()],
    ["is denied", say.refused("machine-denied")],
  ])("is over when the machine %s", (_, event) => {
    const story = new BootStory().play([...rounds(4, 900), [3600, say.discover()], [3600, event]]);
    expect(story.diagnosis(1)?.code).not.toBe("boots-again");
    expect(new Stalls(story.sessions).look(startMs + 3_601_000)).toEqual([]);
  });

  test("is one stall, not one for each boot", () => {
    const story = new BootStory();
    const stalls = new Stalls(story.sessions);
    const found: string[] = [];
    story.play(rounds(8, 900), (seconds) => {
      for (const { finding } of stalls.look(startMs + seconds * 1000)) found.push(finding.code);
    });
    expect(found).toEqual(["boots-again"]);
  });
});
