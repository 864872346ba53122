import { describe, expect, test } from "vitest";
import type { MachineOutcome, SimulationPlan } from "../../../src/pxe-client/simulation/plan.ts";
import { powerOnMs, simulatedMachines } from "../../../src/pxe-client/simulation/plan.ts";
import { figuresOf, resultOf, type Run } from "../../../src/pxe-client/simulation/result.ts";

const plan: SimulationPlan = {
  target: "10.0.0.1",
  bootServer: "10.0.0.1",
  addressServer: "10.0.0.9",
  discoverTo: "255.255.255.255",
  ownAddress: "10.0.0.2",
  network: { network: "10.0.0.0", prefixLength: 24 },
  firmware: "uefi",
  ownAddresses: true,
};

function booted(index: number, kernelMs: number): MachineOutcome {
  return {
    index,
    failure: null,
    spans: [
      { stage: "dhcp", startMs: 0, endMs: 100 },
      { stage: "kernel", startMs: 100, endMs: 100 + kernelMs },
    ],
    answersMs: [1],
    bytes: 1000,
    repeats: 0,
  };
}

const failed: MachineOutcome = {
  index: 2,
  failure: { stage: "kernel", reason: "HTTP http://10.0.0.1/02:65:69:00:00:02/x: status 404" },
  spans: [
    { stage: "dhcp", startMs: 0, endMs: 50 },
    { stage: "kernel", startMs: 50, endMs: 500 },
  ],
  answersMs: [3],
  bytes: 0,
  repeats: 2,
};

/** Samples of ten seconds in which the generator and the server use so much of a core. */
function run(generator: number, server: number | null, outcomes: readonly MachineOutcome[]): Run {
  const samples = [0, 5000, 10_000].map((atMs) => ({
    atMs,
    generatorCpu: (atMs / 1000) * generator,
    serverCpu: server === null ? null : (atMs / 1000) * server,
    receivedBytes: atMs * 125_000,
  }));
  return {
    plan,
    interface: "eth0",
    nodes: outcomes.length,
    rampSeconds: 0,
    outcomes,
    samples,
    workers: 1,
    turns: [{ p50Ms: 1, p99Ms: 2, maxMs: 3 }],
    linkSpeed: null,
    server: server === null ? null : { pid: 7, peakMemoryBytes: 1 },
  };
}

describe("the figures of a simulation", () => {
  test("percentiles are of values that occurred", () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(figuresOf(values, "none")).toEqual({
      count: 200,
      p50Ms: 100,
      p90Ms: 180,
      p99Ms: 198,
      maxMs: 200,
      limit: "none",
    });
    expect(figuresOf([], "none")).toMatchObject({ count: 0, maxMs: 0 });
  });

  test("count stages that were passed, and name what failed with its reason", () => {
    const result = resultOf(run(0.1, 0.2, [booted(0, 900), booted(1, 400), failed]));
    expect(result).toMatchObject({
      booted: 2,
      seconds: 1,
      bytes: 2000,
      repeats: 2,
      dhcp: { mode: "proxy", addressServer: "10.0.0.9" },
      failures: [{ stage: "kernel", reason: "HTTP http://10.0.0.1/MAC/x: status 404", count: 1 }],
      server: { pid: 7 },
    });
    expect(result.stages["kernel"]).toMatchObject({ count: 2, p50Ms: 400, maxMs: 900 });
    expect(result.stages["dhcp"]?.count).toBe(3);
    expect(result.stages["boot"]).toMatchObject({ count: 2, maxMs: 1000 });
    expect(result.timeline.at(-1)).toEqual({ seconds: 1, stages: {}, booted: 2, failed: 1 });
  });

  test.each([
    [0.95, 0.99, null, "generator"],
    [0.5, 0.99, null, "server"],
    [0.5, null, null, "none"],
    [0.5, 0.3, 1e9, "link"],
    [0.5, 0.3, 1e10, "none"],
  ] as const)(
    "say who the limit was: generator %f, server %s, link %s: %s",
    (generator, server, linkSpeed, limit) => {
      const result = resultOf({ ...run(generator, server, [booted(0, 9900)]), linkSpeed });
      expect(result.limit).toBe(limit);
      expect(result.stages["kernel"]?.limit).toBe(limit);
    },
  );
});

describe("the machines of a simulation", () => {
  test("have locally administered addresses of their own, the same each time", () => {
    const machines = simulatedMachines(10_000, 0x4e, "bios");
    expect(new Set(machines.map(({ mac }) => mac)).size).toBe(10_000);
    expect(machines[258]?.mac).toBe("02:65:69:4e:01:02");
    expect(machines).toEqual(simulatedMachines(10_000, 0x4e, "bios"));
  });

  test("are powered on evenly over the ramp", () => {
    expect([0, 1, 9].map((index) => powerOnMs(index, 10, 5))).toEqual([0, 500, 4500]);
    expect(powerOnMs(9, 10, 0)).toBe(0);
  });
});
