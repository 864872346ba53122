import { describe, expect, test } from "vitest";
import type { PxeEvent } from "../../src/events/types.ts";
import { bootLine, headerLine, TimelineReader } from "../../src/timeline/boot-record.ts";
import { type GivenFile, givenAfter, mostGiven } from "../../src/timeline/observations.ts";
import { BootStory, storyAddress, storyMac } from "../support/boot-story.ts";

const machine = { mac: storyMac, address: storyAddress };
const sum = (digit: string) => digit.repeat(64);
const script = (sha256: string): PxeEvent => ({
  event: "script",
  ...machine,
  uuid: null,
  serial: null,
  generation: "000001-20260306T100000Z",
  sha256,
});
const kernel: PxeEvent = {
  event: "kernel-done",
  ...machine,
  file: "vmlinuz-x86_64",
  bytes: 9,
  durationMs: 1,
  sha256: sum("b"),
};
const asset = (file: string): PxeEvent => ({
  event: "asset-sent",
  ...machine,
  file,
  protocol: "http",
  bytes: 9,
  durationMs: 1,
  retransmissions: 0,
});
const discover: PxeEvent = {
  event: "discover",
  ...machine,
  interface: "eth1",
  architecture: "x86-64 UEFI",
  firmware: "uefi",
  uuid: null,
  broadcast: true,
  userClass: null,
  secs: 0,
};
const granted: PxeEvent = {
  event: "lease-granted",
  ...machine,
  interface: "eth1",
  leaseSeconds: 60,
};
const boot = (story: BootStory) => story.sessions.latest(machine);

describe("What a machine was given", () => {
  test("is listed file by file with its sum, of this boot alone, and again after a restart", () => {
    const story = new BootStory().play([
      [0, discover],
      [1, granted],
      [2, script(sum("a"))],
      [3, kernel],
      [4, asset("extra.cpio")],
    ]);
    const given = boot(story)?.given ?? [];
    expect(given).toEqual([
      { file: "boot.ipxe", sha256: sum("a"), atMs: 1_002_000, certainty: "proved" },
      { file: "vmlinuz-x86_64", sha256: sum("b"), atMs: 1_003_000, certainty: "proved" },
      { file: "extra.cpio", sha256: null, atMs: 1_004_000, certainty: "proved" },
    ]);
    const kept = boot(story);
    expect(kept?.steps.every(({ detail }) => !("sha256" in detail))).toBe(true);
    const reader = new TimelineReader();
    const line = kept === null ? "" : bootLine(kept, { nowMs: 1_005_000, wallMs: 9_005_000 });
    for (const one of `${headerLine}${line}`.split("\n").slice(1, -1)) reader.add(one);
    const [again] = reader.boots(10, { nowMs: 5_000, wallMs: 9_005_000 }).boots;
    expect(again?.boot.given.map(({ atMs }) => atMs)).toEqual([2_000, 3_000, 4_000]);
    story.play([[900, discover]]);
    expect(boot(story)?.given).toEqual([]);
  });

  test("is said to be proved only where its address is known to be the machine's", () => {
    const story = new BootStory().play([
      [0, discover],
      [2, kernel],
    ]);
    expect(boot(story)?.given).toMatchObject([{ file: "vmlinuz-x86_64", certainty: "reported" }]);
  });

  test("has the script as it was sent each time, and a file that was sent twice once", () => {
    const sent = [script(sum("a")), kernel, script(sum("c")), kernel].reduce<readonly GivenFile[]>(
      (given, event, index) => givenAfter(given, event, index, false),
      [],
    );
    expect(sent.map(({ sha256, atMs }) => [sha256, atMs])).toEqual([
      [sum("a"), 0],
      [sum("c"), 2],
      [sum("b"), 3],
    ]);
  });

  test("is not pushed out of the list by requests in its name, which stay behind what is proved", () => {
    let given = givenAfter([], kernel, 1, false);
    for (let n = 0; n < 10 * mostGiven; n++) given = givenAfter(given, asset(`f${n}`), n, true);
    given = givenAfter(given, kernel, 99, true);
    expect(given).toHaveLength(mostGiven);
    expect(given).toContainEqual({
      file: "vmlinuz-x86_64",
      sha256: sum("b"),
      atMs: 1,
      certainty: "proved",
    });
  });

  test("does not grow with what is no file sent whole", () => {
    const none: readonly GivenFile[] = [];
    expect(givenAfter(none, discover, 1, false)).toBe(none);
  });
});
