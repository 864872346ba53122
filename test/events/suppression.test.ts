import { beforeEach, describe, expect, it } from "vitest";
import { eventCatalogue } from "../../src/events/catalogue.ts";
import type { ShowRule } from "../../src/events/catalogue/entry.ts";
import { Suppression } from "../../src/events/suppression.ts";
import type { PxeEvent } from "../../src/events/types.ts";

let nowMs: number;
let suppression: Suppression;
const clock = { now: () => nowMs, wall: () => 0 };

beforeEach(() => {
  nowMs = 5;
  suppression = new Suppression(clock);
});

const down = (name: string, reason: string): PxeEvent => ({
  event: "link-down",
  interface: name,
  address: null,
  reason,
});
const up = (name: string): PxeEvent => ({
  event: "link-up",
  interface: name,
  address: "10.0.0.1",
  mode: "proxy",
  sockets: [],
});
const flood = (name: string): PxeEvent => ({
  event: "dhcp-flood",
  interface: name,
  dropped: 1,
  reason: "too many",
});

/** How often an event is shown that comes every two seconds for so long. */
function timesShown(event: PxeEvent, forMs: number): number {
  let shown = 0;
  for (const endMs = nowMs + forMs; nowMs < endMs; nowMs += 2000) {
    if (suppression.shown(event) !== null) shown += 1;
  }
  return shown;
}

describe("an event with a rule", () => {
  it("is shown once in `every` for each case that `by` makes", () => {
    const server = (name: string, address: string): PxeEvent => ({
      event: "other-dhcp-server",
      interface: name,
      server: address,
      offered: null,
    });
    expect(timesShown(server("eth1", "10.0.0.9"), 3_600_000)).toBe(1);
    expect(suppression.shown(server("eth1", "10.0.0.9"))).not.toBeNull();
    expect(suppression.shown(server("eth1", "10.0.0.9"))).toBeNull();
    expect(suppression.shown(server("eth1", "10.0.0.8"))).not.toBeNull();
    expect(suppression.shown(server("eth2", "10.0.0.9"))).not.toBeNull();
  });

  it("has the sum of what was left out", () => {
    expect(suppression.shown(flood("eth1"))).toMatchObject({ dropped: 1 });
    for (let n = 0; n < 100; n++) expect(suppression.shown(flood("eth1"))).toBeNull();
    expect(suppression.shown(flood("eth2"))).toMatchObject({ dropped: 1 });
    nowMs += 10_000;
    expect(suppression.shown(flood("eth1"))).toMatchObject({ dropped: 101, reason: "too many" });
    nowMs += 10_000;
    expect(suppression.shown(flood("eth1"))).toMatchObject({ dropped: 1 });
  });

  it("that goes on is shown less and less often, and at once when it comes anew", () => {
    const gone = down("eth1", "gone");
    // After a minute, two, four, … and then each hour.
    expect(timesShown(gone, 3_600_000)).toBe(6);
    expect(timesShown(gone, 24 * 3_600_000)).toBe(24);
    nowMs += 3_600_000;
    expect(timesShown(gone, 120_000)).toBe(2);
  });

  it("is shown at once after what ends it, on that link only", () => {
    for (const name of ["eth1", "eth2"]) suppression.shown(down(name, "gone"));
    expect(suppression.shown(down("eth1", "taken"))).not.toBeNull();
    expect(suppression.shown(up("eth1"))).not.toBeNull();
    expect(suppression.shown(down("eth1", "gone"))).not.toBeNull();
    expect(suppression.shown(down("eth1", "taken"))).not.toBeNull();
    expect(suppression.shown(down("eth2", "gone"))).toBeNull();
  });
});

it("an event without a rule is shown each time", () => {
  const stopping: PxeEvent = { event: "stopping", signal: "SIGTERM" };
  expect(suppression.shown(stopping)).toBe(stopping);
  expect(suppression.shown(stopping)).toBe(stopping);
});

it("cases that network clients make up take no more memory than 1,024 of them", () => {
  const of = (n: number): PxeEvent => ({
    event: "unbeatable-server",
    mac: `02:00:00:00:${(n >> 8).toString(16)}:${(n & 255).toString(16)}`,
    address: null,
    interface: "eth1",
    server: "10.0.0.9",
    reason: "option 60",
  });
  for (let n = 0; n < 3000; n++) expect(suppression.shown(of(n))).not.toBeNull();
  expect(suppression.shown(of(2999))).toBeNull();
  expect(suppression.shown(of(3000 - 1024))).toBeNull();
  expect(suppression.shown(of(3000 - 1025))).not.toBeNull();
});

describe("every rule of the catalogue", () => {
  const rules = Object.entries(eventCatalogue).flatMap(([name, { show }]): [string, ShowRule][] =>
    show === undefined ? [] : [[name, show]],
  );

  it.each(rules)("of %s has times that a person would choose", (_, { every, by, upTo }) => {
    expect(every).toBeGreaterThanOrEqual(1000);
    expect(by.length).toBeGreaterThan(0);
    expect(upTo ?? every * 2).toBeGreaterThan(every);
  });
});
