import { beforeEach, describe, expect, it } from "vitest";
import { eventCatalogue } from "../../src/events/catalogue.ts";
import { bytesOfUnknown } from "../../src/events/catalogue/entry.ts";
import { LineLimit } from "../../src/events/line-limit.ts";
import type { PxeEvent } from "../../src/events/types.ts";

let nowMs: number;
let limit: LineLimit;

beforeEach(() => {
  nowMs = 5;
  limit = new LineLimit({ now: () => nowMs, wall: () => 0 });
});

const macOf = (n: number): string =>
  `02:00:00:${[n >> 16, n >> 8, n].map((byte) => (byte & 255).toString(16).padStart(2, "0")).join(":")}`;
const refused = (mac: string | null, address = "10.0.0.9"): PxeEvent => ({
  event: "http-refused",
  mac,
  address,
  path: "/x",
  status: 404,
  reason: "nothing is served there",
});
const autoexec = (mac: string): PxeEvent => ({
  event: "autoexec",
  mac,
  address: null,
  file: "autoexec.ipxe",
  protocol: "tftp",
});
const decided = (mac: string): PxeEvent => ({
  event: "node-decided",
  mac,
  address: null,
  match: mac,
  netboot: "deny",
  name: null,
  reserved: null,
  by: "root",
});

/** How many of so many events in a second, for so many seconds, have a line. */
function lines(seconds: number, perSecond: number, of: (n: number) => PxeEvent, isKnown = false) {
  let count = 0;
  for (let second = 0; second < seconds; second++, nowMs += 1000) {
    for (let n = 0; n < perSecond; n++) {
      if (limit.take(of(second * perSecond + n), isKnown) !== null) count += 1;
    }
  }
  return count;
}

describe("the log has room", () => {
  it("for a hundred lines of one event in a second and 20,000 in an hour, whoever the known machines are", () => {
    const each = (n: number) => refused(macOf(n));
    expect(lines(1, 150, each, true)).toBe(100);
    expect(lines(199, 150, each, true)).toBe(19_900);
    expect(lines(3399, 1, each, true)).toBe(0);
    nowMs += 1000;
    expect(lines(1, 150, each, true)).toBe(100);
    expect(limit.take(autoexec(macOf(1)), true)).toBe(0);
  });

  it("for two hundred lines of one known machine, and then for one in two seconds", () => {
    expect(lines(60, 50, () => refused(macOf(1)), true)).toBeLessThanOrEqual(200 + 30);
    expect(limit.take(refused(macOf(2)), true)).not.toBeNull();
    expect(lines(10, 1, () => refused(macOf(1)), true)).toBeGreaterThanOrEqual(4);
  });

  it("for the log of a known machine, which has its limits elsewhere, and not for that of any other", () => {
    const mac = macOf(1);
    const text: PxeEvent = {
      event: "syslog",
      mac,
      address: "10.0.0.9",
      host: null,
      app: "kernel",
      procid: null,
      msgid: null,
      data: null,
      facility: "kern",
      severity: "info",
      text: "x".repeat(100),
    };
    expect(lines(60, 10, () => text, true)).toBe(600);
    expect(lines(60, 10, () => text)).toBeLessThan(250);
  });

  it("for the first lines of new machines, and less than a quarter of a megabyte a minute of all that are made up", () => {
    // With its message, level and time, as the log has it.
    const sizeOf = (event: PxeEvent): number =>
      JSON.stringify(event).length + eventCatalogue[event.event].message.length + 80;
    let [bytes, count] = [0, 0];
    const minute = (): number => {
      bytes = 0;
      for (let second = 0; second < 60; second++, nowMs += 1000) {
        for (let n = 0; n < 60; n++) {
          count += 1;
          const mac = macOf(count);
          const events: PxeEvent[] = [
            refused(mac),
            { event: "tftp-refused", mac, address: null, file: "x", errorCode: 1, reason: "y" },
            autoexec(mac),
          ];
          for (const event of events) if (limit.take(event, false) !== null) bytes += sizeOf(event);
        }
      }
      return bytes;
    };
    expect(minute()).toBeLessThan(bytesOfUnknown.all.burst + 60 * bytesOfUnknown.all.perSecond);
    expect(minute()).toBeLessThan(250_000);
    expect(minute()).toBeGreaterThan(50_000);
    expect(limit.take(refused(macOf(7)), true)).not.toBeNull();
  });

  it("for what one kind of event leaves to the others", () => {
    lines(90, 100, (n) => refused(null, `10.1.${n & 255}.${(n >> 8) & 255}`));
    expect(limit.take(autoexec(macOf(1)), false)).toBe(0);
  });

  it("for what people decide and for what is nobody's on the link, whatever goes on", () => {
    lines(60, 100, (n) => refused(macOf(n)));
    lines(60, 100, (n) => decided(macOf(n)));
    expect(limit.take(decided(macOf(1)), false)).not.toBeNull();
    expect(limit.take({ event: "stopping", signal: "SIGTERM" }, false)).toBe(0);
  });
});

it("what was left out is told with the next line, once in ten seconds", () => {
  for (let n = 0; n < 250; n++) limit.take(refused(macOf(n)), true);
  nowMs += 1000;
  expect(limit.take(refused(macOf(1)), true)).toBe(150);
  for (let n = 0; n < 250; n++) limit.take(refused(macOf(n)), true);
  nowMs += 1000;
  expect(limit.take(refused(macOf(1)), true)).toBe(0);
  nowMs += 10_000;
  expect(limit.take(refused(macOf(1)), true)).toBe(151);
  expect(limit.take(refused(macOf(1)), true)).toBe(0);
});
