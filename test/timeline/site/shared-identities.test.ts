import { describe, expect, test } from "vitest";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { diagnose } from "../../../src/timeline/rules.ts";
import { asOther, type Beat, BootStory, otherMac, say } from "../../support/boot-story.ts";

const uuid = "4c4c4544-0042-3510-8052-b4c04f4e3732";
/** The same by firmware that has the bytes the other way round. */
const swapped = "44454c4c-4200-1035-8052-b4c04f4e3732";
const another = "11223344-5566-7788-99aa-bbccddeeff00";

/** A whole boot, as two machines' interleave: each second one step of it. */
function boot(tells: { readonly uuid: string; readonly serial: string | null }): readonly Beat[] {
  return [
    [0, say.discover({ uuid: tells.uuid })],
    [0, say.offer()],
    [1, say.address()],
    [2, say.script(tells)],
    [3, say.kernel()],
    [4, say.kernelDone()],
    [5, say.initramfs()],
    [9, say.initramfsDone()],
    [20, say.microOs()],
  ];
}

function others(beats: readonly Beat[], seconds: number): readonly Beat[] {
  return beats.map(([at, event]): Beat => [
    at + seconds,
    event === "moved" ? event : asOther(event),
  ]);
}

function played(...beats: readonly (readonly Beat[])[]): BootStory {
  return new BootStory().play(beats.flat().toSorted(([a], [b]) => a - b));
}

describe("two machines with one identity", () => {
  test.each([
    ["one UUID and two serial numbers", { uuid, serial: "S1" }, { uuid, serial: "S2" }, "UUID"],
    [
      "one UUID in both byte orders",
      { uuid, serial: "S1" },
      { uuid: swapped, serial: "S2" },
      `UUID ${uuid}`,
    ],
    [
      "one serial number and two UUIDs",
      { uuid, serial: "SN4711" },
      { uuid: another, serial: " sn4711" },
      "serial number SN4711",
    ],
  ])("%s, one after the other: both are told", (_, first, second, identity) => {
    const story = played(boot(first), others(boot(second), 100));
    const found = story.diagnosis(1);
    expect(found).toMatchObject({ code: "identity-shared", who: "site", certainty: "inferred" });
    expect(found?.cause).toContain(`${otherMac}, calls itself by the same ${identity}`);
    expect(story.diagnosis(1, otherMac)?.code).toBe("identity-shared");
    // It is no fault of a machine that stays up.
    expect(story.diagnosis(3600)).toBeNull();
  });

  test("one UUID, no serial number, downloads at the same time", () => {
    const tells = { uuid, serial: null };
    const story = played(boot(tells), others(boot(tells), 4));
    expect(story.diagnosis(1)?.code).toBe("identity-shared");
    expect(story.diagnosis(1, otherMac)?.code).toBe("identity-shared");
  });

  test("is still known after a restart", () => {
    const story = played(boot({ uuid, serial: "S1" }), others(boot({ uuid, serial: "S2" }), 100));
    const { sessions, nowMs } = story;
    const again = new BootSessions();
    const kept = sessions.list().toReversed();
    again.restore(
      kept.map((one) => ({ boot: one, events: sessions.eventsOf(one) })),
      nowMs,
    );
    for (const one of again.list()) {
      expect(diagnose(again.evidence(one, nowMs), nowMs)?.code).toBe("identity-shared");
    }
  });

  test("is forgotten once one of them has an identity of its own", () => {
    const story = played(
      boot({ uuid, serial: "S1" }),
      others(boot({ uuid, serial: "S2" }), 100),
      others(boot({ uuid: another, serial: "S2" }), 200),
    );
    expect(story.diagnosis(1)).toBeNull();
    expect(story.diagnosis(1, otherMac)).toBeNull();
  });
});

describe("one machine with two network cards", () => {
  const same = { uuid, serial: "S1" };

  test.each<[string, readonly (readonly Beat[])[]]>([
    ["boots by one, and later by the other", [boot(same), others(boot(same), 100)]],
    [
      "loads by one, and goes on by the other",
      [
        boot(same).slice(0, 3),
        [
          [2, say.loaderStart()],
          [3, say.loaderDone()],
        ],
        others(boot(same), 10),
      ],
    ],
    [
      "breaks a download off, boots by the other, and comes back",
      [
        boot(same).slice(0, 7),
        [[6, say.aborted(1000)]],
        others(boot(same), 10),
        boot(same).map(([at, event]): Beat => [at + 100, event]),
      ],
    ],
  ])("that %s is one machine", (_, beats) => {
    const story = played(...beats);
    expect(story.diagnosis(1, otherMac)).toBeNull();
    expect(story.diagnosis(1)?.code).not.toBe("identity-shared");
  });
});

describe("what many machines say", () => {
  test.each(["To be filled by O.E.M.", "Default string", "0", "System Serial Number", ""])(
    "is no serial number: %j",
    (serial) => {
      const story = played(boot({ uuid, serial }), others(boot({ uuid: another, serial }), 4));
      expect(story.diagnosis(1)).toBeNull();
    },
  );

  test("is another UUID and another serial number", () => {
    const second = others(boot({ uuid: another, serial: "S2" }), 4);
    expect(played(boot({ uuid, serial: "S1" }), second).diagnosis(1)).toBeNull();
  });
});
