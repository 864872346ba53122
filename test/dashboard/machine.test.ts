import { describe, expect, test } from "vitest";
import type { BootReply } from "../../src/api/boots.ts";
import {
  type Machine,
  progressOf,
  searchTextOf,
  sorted,
  stoppedOutside,
} from "../../src/dashboard/data/machine.ts";

const nowMs = Date.parse("2026-03-06T10:10:00Z");

function boot(given: Partial<BootReply>): BootReply {
  return {
    id: "1",
    mac: null,
    uuid: null,
    serial: null,
    name: null,
    vendor: null,
    model: null,
    address: null,
    server: null,
    interface: null,
    firmware: null,
    architecture: null,
    status: "booting",
    stage: "discover",
    startedAt: "2026-03-06T10:00:00.000Z",
    updatedAt: "2026-03-06T10:00:00.000Z",
    durationMs: 0,
    generation: null,
    diagnosis: null,
    waiting: null,
    expected: null,
    registration: null,
    steps: [],
    ...given,
  };
}

function machine(key: string, given: Partial<BootReply>): Machine {
  return { key, node: null, boot: boot(given) };
}

describe("machines by last activity", () => {
  const at = (time: string) => ({ updatedAt: `2026-03-06T${time}.000Z` });

  test("stand in one order while they are at work, however their events come", () => {
    const first = [
      machine("b", { name: "press-2", ...at("10:09:59") }),
      machine("a", { name: "press-1", ...at("10:09:30") }),
    ];
    const then = [
      machine("b", { name: "press-2", ...at("10:09:59") }),
      machine("a", { name: "press-1", ...at("10:10:00") }),
    ];
    const keys = (machines: readonly Machine[]) =>
      sorted(machines, "activity", nowMs).map(({ key }) => key);
    expect(keys(first)).toEqual(["a", "b"]);
    expect(keys(then)).toEqual(["a", "b"]);
  });

  test("come before those that did something earlier, the latest of these first", () => {
    const machines = [
      machine("long ago", at("08:00:00")),
      machine("lately", at("10:08:00")),
      machine("now", at("10:09:50")),
      { key: "never", node: null, boot: null },
    ];
    expect(sorted(machines, "activity", nowMs).map(({ key }) => key)).toEqual([
      "now",
      "lately",
      "long ago",
      "never",
    ]);
  });
});

test("machines in groups stand by state first, and within it as they are sorted", () => {
  const machines = [
    machine("a", { name: "press-4", status: "up" }),
    machine("b", { name: "press-3", status: "booting" }),
    machine("c", { name: "press-2", status: "up" }),
    machine("d", { name: "press-1", status: "booting" }),
    machine("e", { status: "booting" }),
    machine("f", { name: "press-5", status: "stalled" }),
  ];
  const keys = (given: readonly Machine[], grouped: boolean) =>
    sorted(given, "name", nowMs, grouped).map(({ key }) => key);
  expect(keys(machines, true)).toEqual(["f", "d", "b", "e", "c", "a"]);
  expect(keys(machines.toReversed(), true)).toEqual(["f", "d", "b", "e", "c", "a"]);
  expect(keys(machines, false)).toEqual(["d", "c", "b", "a", "f", "e"]);
});

test("machines that got farthest come first by progress, those of one place by their key", () => {
  const machines = [
    machine("b", { stage: "kernel" }),
    machine("a", { stage: "discover" }),
    machine("c", { stage: "micro-os" }),
    machine("d", { stage: "kernel" }),
    { key: "e", node: null, boot: null },
  ];
  const keys = sorted(machines, "progress", nowMs).map(({ key }) => key);
  expect(keys).toEqual(["c", "b", "d", "a", "e"]);
});

describe("progress", () => {
  const step = {
    at: "2026-03-06T10:00:00.000Z",
    lastAt: "2026-03-06T10:00:00.000Z",
    afterMs: 0,
    count: 1,
    certainty: "proved",
    detail: {},
  } as const;

  test("has words that were passed over as reached, and a running download in per cent", () => {
    const running = boot({
      stage: "initramfs-start",
      steps: [
        { ...step, stage: "script" },
        { ...step, stage: "initramfs-start", detail: { percent: 41.7, bytesPerSecond: 9e6 } },
      ],
    });
    expect(
      progressOf(running).map(({ word, reached, done, percent }) => [word, reached, done, percent]),
    ).toEqual([
      ["asked", true, true, null],
      ["loader", true, true, null],
      ["script", true, true, null],
      ["os", true, false, 41.7],
      ["up", false, false, null],
    ]);
  });

  test("of a machine without a boot is nothing", () => {
    expect(progressOf(null).some(({ reached }) => reached)).toBe(false);
  });
});

test("a search finds a machine by whatever is written on it", () => {
  const text = searchTextOf(
    machine("52:54:00:7a:10:01", { vendor: "Dell Inc.", model: "XR12", serial: "7XK2" }),
  );
  for (const part of ["7a:10", "dell", "xr12", "7xk2"]) expect(text).toContain(part);
});

test("machines that stopped are counted where they or their site have to be mended, for a day", () => {
  const diagnosis = {
    code: "no-address",
    cause: "no server offers an address",
    remedy: "start it",
    onScreen: [],
    certainty: "inferred",
    evidence: [],
  } as const;
  const stalled = { status: "stalled", updatedAt: "2026-03-06T10:00:00.000Z" } as const;
  const machines = [
    machine("a", { ...stalled, diagnosis: { ...diagnosis, who: "site" } }),
    machine("b", { ...stalled, diagnosis: { ...diagnosis, who: "network" } }),
    machine("c", { ...stalled, diagnosis: { ...diagnosis, who: "us" } }),
    machine("d", { ...stalled, status: "up", diagnosis: { ...diagnosis, who: "site" } }),
    machine("e", { ...stalled, diagnosis: null }),
    { key: "f", node: null, boot: null },
  ];
  expect(stoppedOutside(machines, nowMs)).toBe(2);
  expect(stoppedOutside(machines, nowMs + 25 * 3_600_000)).toBe(0);
});
