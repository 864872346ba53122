import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { timelineFile, TimelineKeeper } from "../../../src/daemon/state/timeline-file.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import type { Stage } from "../../../src/timeline/stages.ts";

const wallAtStart = Date.UTC(2026, 0, 1);
let dataDir: string;
let nowMs: number;
let events: PxeEvent[];
const open: TimelineKeeper[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-timeline-"));
  nowMs = 0;
  events = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((keeper) => keeper.close()));
  rmSync(dataDir, { recursive: true, force: true });
});

const macOf = (n: number) =>
  `52:54:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
const addressOf = (n: number) => `10.0.${n >> 8}.${n & 255}`;
const moment = () => ({ nowMs, wallMs: wallAtStart + nowMs });

/** A run of the server, whose monotonic clock is as far as it is. */
async function run(keepBoots = 1000) {
  const sessions = new BootSessions({ keepBoots });
  const keeper = new TimelineKeeper({
    sessions,
    dataDir,
    keepBoots,
    emit: (event) => events.push(event),
    clock: { now: () => nowMs, wall: () => wallAtStart + nowMs },
  });
  await keeper.start();
  open.push(keeper);
  const record = (n: number, stage: Stage, generation: string | null = null) =>
    sessions.record(stage, { mac: macOf(n), address: addressOf(n), generation }, {}, moment());
  return { sessions, keeper, record };
}

const file = () => timelineFile(dataDir);
const named = (name: PxeEvent["event"]) => events.filter(({ event }) => event === name);

describe("timelines on disk", () => {
  test("are there after a restart and go on, with address, events and generation", async () => {
    const first = await run();
    for (let n = 0; n < 50; n++) first.record(n, "discover");
    nowMs += 1000;
    for (let n = 0; n < 50; n++) first.record(n, "script", "g1");
    const autoexec = { event: "autoexec", file: "a", protocol: "http" } as const;
    first.sessions.observe({ ...autoexec, mac: macOf(7), address: addressOf(7) }, moment());
    await first.keeper.close();

    nowMs += 5000;
    const second = await run();
    expect(second.sessions.list()).toHaveLength(50);
    expect(second.sessions.generationFor(addressOf(3), nowMs)).toBe("g1");
    expect(second.sessions.machineAt(addressOf(3))).toBe(macOf(3));
    const before = first.sessions.latest({ mac: macOf(7), address: null });
    const kept = second.sessions.latest({ mac: macOf(7), address: null });
    expect(kept).toEqual(before);
    expect(kept === null ? [] : second.sessions.eventsOf(kept)).toEqual([
      JSON.stringify({
        at: "2026-01-01T00:00:01.000Z",
        ...autoexec,
        mac: macOf(7),
        address: addressOf(7),
      }),
    ]);
    const went = second.sessions.record(
      "kernel",
      { mac: null, address: addressOf(7) },
      {},
      moment(),
    );
    expect(went).toMatchObject({ id: kept?.id, number: kept?.number, stage: "kernel" });
    expect(second.record(60, "discover").number).toBe(51);
    expect(events).toEqual([]);
  });

  test("lose nothing but the line that was not written to its end, wherever it was cut", async () => {
    const first = await run();
    first.record(1, "discover");
    await first.keeper.close();
    const whole = statSync(file()).size;
    const second = await run();
    second.record(2, "script");
    await second.keeper.close();
    const all = readFileSync(file());
    for (let cut = whole + 1; cut < all.length; cut += 37) {
      writeFileSync(file(), all);
      truncateSync(file(), cut);
      events = [];
      const third = await run();
      expect(third.sessions.list().map(({ mac }) => mac)).toEqual([macOf(1)]);
      expect(events).toMatchObject([{ event: "timeline-unread", lost: "some" }]);
      third.record(3, "discover");
      await third.keeper.close();
      const fourth = await run();
      expect(fourth.sessions.list().map(({ mac }) => mac)).toEqual([macOf(3), macOf(1)]);
      await fourth.keeper.close();
    }
  });

  test("lose no more than the lines that are damaged, and are written whole again", async () => {
    const first = await run();
    for (let n = 0; n < 3; n++) first.record(n, "script");
    await first.keeper.close();
    const text = readFileSync(file(), "utf8");
    writeFileSync(file(), text.replace(`"mac":"${macOf(1)}"`, '"mac":\0\0\0\0'));
    const second = await run();
    expect(second.sessions.list().map(({ mac }) => mac)).toEqual([macOf(2), macOf(0)]);
    expect(events).toMatchObject([{ event: "timeline-unread", lost: "some" }]);
  });

  test.each([
    ["a later version", '{"format":"eim-pxe timeline","version":99}\n{"n":1}\n', "version 99"],
    ["something else", "hello\n".repeat(3), "no header"],
    ["nothing that has lines", "x".repeat(6 * 1024 * 1024), "no header"],
  ])("of %s are put aside, and new ones are kept", async (_, text, said) => {
    writeFileSync(file(), text);
    const first = await run();
    expect(named("timeline-unread")).toMatchObject([
      { lost: "all", reason: expect.stringContaining(said) },
    ]);
    expect(readFileSync(`${file()}.old`, "utf8")).toBe(text);
    first.record(1, "discover");
    await first.keeper.close();
    expect((await run()).sessions.list()).toHaveLength(1);
  });

  test("that cannot be written are said once, and written when they can be", async () => {
    // A folder stands where the file is to be.
    mkdirSync(file());
    mkdirSync(`${file()}.old`);
    writeFileSync(join(`${file()}.old`, "x"), "");
    const first = await run();
    first.record(1, "discover");
    await first.keeper.close();
    expect(named("timeline-unkept")).toHaveLength(1);
    rmSync(file(), { recursive: true });
    const second = await run();
    second.record(2, "discover");
    await second.keeper.close();
    expect(existsSync(file())).toBe(true);
  });

  test("of a machine that asks without end are no more lines than are read again", async () => {
    const first = await run();
    first.record(1, "script");
    await first.keeper.close();
    const second = await run();
    const autoexec = { event: "autoexec", file: "a", protocol: "http" } as const;
    for (let n = 0; n < 5000; n++) {
      nowMs += 0.1;
      second.sessions.observe({ ...autoexec, mac: macOf(1), address: addressOf(1) }, moment());
    }
    await second.keeper.close();
    expect(readFileSync(file(), "utf8").split("\n").length).toBeLessThan(200);
    const [before] = second.sessions.list();
    const third = await run();
    const [kept] = third.sessions.list();
    expect(before === undefined ? [] : second.sessions.eventsOf(before)).toHaveLength(120);
    expect(kept === undefined ? [] : third.sessions.eventsOf(kept)).toEqual(
      before === undefined ? null : second.sessions.eventsOf(before),
    );
  });

  test("are as many as are to be kept, and take no more room than they need for long", async () => {
    for (let round = 0; round < 40; round++) {
      const { record, keeper } = await run(100);
      for (let n = 0; n < 300; n++) {
        nowMs += 1;
        record(n, round % 2 === 0 ? "discover" : "script");
      }
      // Each round is written by itself.
      await keeper.close();
    }
    expect(statSync(file()).size).toBeLessThan(5 * 1024 * 1024);
    expect((await run(100)).sessions.list()).toHaveLength(100);
  });
});
