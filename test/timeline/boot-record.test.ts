import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { InternalError } from "../../src/lib/errors.ts";
import type { Boot } from "../../src/timeline/boot.ts";
import { bootLine, eventLine, TimelineReader } from "../../src/timeline/boot-record.ts";
import { BootStory, startMs, storyMac } from "../support/boot-story.ts";
import { addressed, fetched, initramfs } from "../support/failing-boots.ts";

const most = 100;

function bootOf(beats: typeof addressed): Boot {
  const boot = new BootStory().play(beats).boot();
  if (boot === null) throw new InternalError("no boot");
  return boot;
}

function readAgain(lines: string, now: { nowMs: number; wallMs: number }) {
  const reader = new TimelineReader();
  for (const line of lines.split("\n").slice(0, -1)) reader.add(line);
  return reader.boots(most, now);
}

describe("a boot that is kept", () => {
  test.each([
    ["that has an address", addressed],
    ["that fetches its initramfs", initramfs],
    ["that has fetched all", fetched],
  ])("%s is the same after a restart, with its times by the new process's clock", (_, beats) => {
    const boot = bootOf(beats);
    const wallMs = Date.UTC(2026, 0, 1);
    const line = bootLine(boot, { nowMs: startMs + 60_000, wallMs });
    // A minute later another process runs since five milliseconds.
    const { boots, damaged } = readAgain(line, { nowMs: 5, wallMs: wallMs + 60_000 });
    expect(damaged).toBe(0);
    const [again] = boots;
    const byMs = 5 - 60_000 - (startMs + 60_000);
    expect(again?.boot).toMatchObject({
      mac: storyMac,
      stage: boot.stage,
      startedAtMs: boot.startedAtMs + byMs,
      updatedAtMs: boot.updatedAtMs + byMs,
      failingSinceMs: boot.failingSinceMs + byMs,
      startedWallMs: boot.startedWallMs,
    });
    expect(again?.boot.steps).toEqual(
      boot.steps.map((step) => ({
        ...step,
        firstAtMs: step.firstAtMs + byMs,
        lastAtMs: step.lastAtMs + byMs,
      })),
    );
    const { addressAtMs } = boot.seen;
    expect(again?.boot.seen.addressAtMs).toBe(addressAtMs === null ? null : addressAtMs + byMs);
  });

  test("was seen just now at the latest, although the clock was set back meanwhile", () => {
    const line = bootLine(bootOf(addressed), { nowMs: startMs, wallMs: Date.UTC(2027, 0, 1) });
    const { boots } = readAgain(line, { nowMs: 7_000, wallMs: Date.UTC(2026, 0, 1) });
    const [again] = boots;
    expect(again?.boot.updatedAtMs).toBe(7_000);
    expect(again?.boot.startedAtMs).toBe(7_000);
  });

  test("is what the last of its lines says, with all events, and the newest count", () => {
    const boot = bootOf(addressed);
    const now = { nowMs: startMs, wallMs: startMs };
    const numbered = (number: number, serial: string) => bootLine({ ...boot, number, serial }, now);
    const lines = [
      numbered(1, "old"),
      eventLine(1, '{"at":"1"}'),
      numbered(1, "new"),
      eventLine(1, '{"at":"2"}'),
      ...Array.from({ length: most }, (_, n) => numbered(n + 2, "later")),
    ].join("");
    const { boots } = readAgain(lines, now);
    expect(boots).toHaveLength(most);
    expect(boots[0]?.boot.number).toBe(2);
    const all = readAgain(lines.split("\n").slice(0, 5).join("\n"), now).boots;
    expect(all[0]).toMatchObject({ boot: { serial: "new" }, events: ['{"at":"1"}', '{"at":"2"}'] });
  });

  test("is kept before boots that only asked, of which a quarter is kept, as while the server runs", () => {
    const now = { nowMs: startMs, wallMs: startMs };
    const line = (boot: Boot, number: number) => bootLine({ ...boot, number }, now);
    const real = bootOf(fetched);
    const flood = bootOf(addressed);
    const lines = [
      ...Array.from({ length: 20 }, (_, n) => line(flood, n + 1)),
      ...Array.from({ length: 80 }, (_, n) => line(real, n + 21)),
      ...Array.from({ length: 200 }, (_, n) => line(flood, n + 101)),
    ];
    const { boots } = readAgain(lines.join(""), now);
    const numbers = boots.map(({ boot: { number } }) => number);
    const from = (first: number, count: number) =>
      Array.from({ length: count }, (_, n) => first + n);
    expect(numbers).toEqual([...from(26, 75), ...from(276, 25)]);
    const few = readAgain(lines.slice(100, 150).join(""), now).boots;
    expect(few).toHaveLength(50);
  });

  test("does not keep in memory what its file had beside its events", () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect !== "function")
      throw new InternalError("this Node has no garbage collector");
    const used = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const now = { nowMs: startMs, wallMs: startMs };
    const boot = bootOf(addressed);
    const others = eventLine(0, `{"at":"${"x".repeat(1000)}"}`).repeat(1000);
    const before = used();
    const read = Array.from({ length: 16 }, (_, n) => {
      const own =
        bootLine({ ...boot, number: n + 1 }, now) + eventLine(n + 1, `{"at":"${n}", "a":"b"}`);
      return readAgain(Buffer.from(own + others).toString(), now).boots;
    });
    expect(used() - before).toBeLessThan(4_000_000);
    expect(read.flat()).toHaveLength(16);
  });

  test.each([
    ["half of it is there", (line: string) => line.slice(0, 200)],
    ["its middle is zeros", (line: string) => line.replace(/"steps".{60}/, "\0".repeat(68))],
    ["a stage is none", (line: string) => line.replace('"stage":"offer"', '"stage":"lunch"')],
    ["a step is none", (line: string) => line.replace(/"steps":\[\{[^}]*\}/, '"steps":[null')],
    ["its steps are none", (line: string) => line.replace('"steps":', '"steps":7,"was":')],
    ["a count is a word", (line: string) => line.replace('"count":1', '"count":"one"')],
    ["a step has no time", (line: string) => line.replace('"firstAtMs"', '"at"')],
    ["it is another text", () => "GET / HTTP/1.1"],
  ])("is left out and counted where %s", (_, damage) => {
    const boot = bootOf(addressed);
    const now = { nowMs: startMs, wallMs: startMs };
    const good = bootLine({ ...boot, number: 2 }, now);
    const bad = damage(bootLine({ ...boot, number: 1 }, now).trimEnd());
    const { boots, damaged } = readAgain(`${bad}\n${good}`, now);
    expect(boots.map(({ boot: { number } }) => number)).toEqual([2]);
    expect(damaged).toBe(1);
  });
});
