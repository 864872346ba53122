import { readFileSync } from "node:fs";
import type { Figures, SimulationResult } from "../../src/pxe-client/simulation/result.ts";
import { simulatedStages } from "../../src/pxe-client/simulation/plan.ts";
import { type Series, stackedPlot } from "./plot.ts";

/* What the storm bench prints, and its picture. */

export interface Measured {
  readonly name: string;
  readonly result: SimulationResult;
  /** Connections that found the listen queue full, and datagrams that found no room. */
  readonly lost: { readonly connections: number; readonly datagrams: number };
  /** Of each DHCP request, milliseconds to the answer, on the server's cable. */
  readonly answeredMs: readonly number[];
}

export function markdown(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...body.map(line), ""].join("\n");
}

/** One row for each storm. */
export function stormTable(all: readonly Measured[]): string {
  const head = [
    "storm",
    "booted",
    "seconds",
    "MB/s",
    "server's CPU s",
    "its memory, MiB",
    "DHCP p99, ms: on the cable / as machines hear it",
    "script p99 / slowest, ms",
    "repeated",
    "lost in queues",
    "generator busy",
    "limited by",
  ];
  const rows = all.map(({ name, result, lost, answeredMs }) => {
    const { booted, nodes, seconds, bytesPerSecond, server, stages, repeats, generator } = result;
    const script = stages["script"];
    return [
      name,
      `${booted} of ${nodes}`,
      seconds.toFixed(1),
      (bytesPerSecond / 1e6).toFixed(0),
      (server?.cpuSeconds ?? 0).toFixed(1),
      ((server?.peakMemoryBytes ?? 0) / 1024 ** 2).toFixed(0),
      `${inMs(percentile(answeredMs, 0.99))} / ${inMs(stages["dhcp-answer"]?.p99Ms)}`,
      `${inMs(script?.p99Ms)} / ${inMs(script?.maxMs)}`,
      String(repeats),
      `${lost.connections} connections, ${lost.datagrams} datagrams`,
      `${(generator.busy * 100).toFixed(0)} %`,
      result.limit,
    ];
  });
  return markdown([head, ...rows]);
}

/** Every stage of one storm. */
export function stageTable({ stages }: SimulationResult): string {
  const head = ["stage", "machines", "p50, ms", "p90, ms", "p99, ms", "slowest, ms", "limited by"];
  const row = (name: string, one: Figures): string[] => [
    name,
    String(one.count),
    ...[one.p50Ms, one.p90Ms, one.p99Ms, one.maxMs].map(inMs),
    one.limit,
  ];
  return markdown([head, ...Object.entries(stages).map(([name, one]) => row(name, one))]);
}

export function failureLines({ failures }: SimulationResult): string {
  return failures
    .map(({ stage, reason, count }) => `- ${count} failed at ${stage}: ${reason}\n`)
    .join("");
}

/** How many machines are in which stage, over time. */
export function stormPicture({ name, result: { timeline } }: Measured): string {
  const present = simulatedStages.filter((stage) => timeline.some(({ stages }) => stages[stage]));
  const series: readonly Series[] = [
    ...present.map((stage): Series => {
      return { name: stage, points: timeline.map((one) => [one.seconds, one.stages[stage] ?? 0]) };
    }),
    { name: "up", points: timeline.map(({ seconds, booted }) => [seconds, booted]) },
  ];
  return stackedPlot(series, {
    title: `${name}: machines in each stage`,
    x: { label: "seconds since the first was powered on" },
    y: { label: "machines" },
  });
}

/** What the machines of a storm cost the server, and what follows for a site. */
export function costTables(all: readonly Measured[]): string {
  const head = [
    "machines",
    "booted",
    "seconds",
    "server's CPU s",
    "CPU ms a boot",
    "memory, MiB",
    "MB/s",
  ];
  const rows = all.map(({ result: { nodes, booted, seconds, server, bytesPerSecond } }) => {
    const cpu = server?.cpuSeconds ?? 0;
    const memory = ((server?.peakMemoryBytes ?? 0) / 1024 ** 2).toFixed(0);
    const each = ((cpu * 1000) / Math.max(1, booted)).toFixed(1);
    return [
      String(nodes),
      String(booted),
      seconds.toFixed(1),
      cpu.toFixed(1),
      each,
      memory,
      (bytesPerSecond / 1e6).toFixed(0),
    ];
  });
  return `${markdown([head, ...rows])}\n${sizingTable(all)}`;
}

/** Of a link's capacity, what remains beside headers and losses. */
const usable = 0.9;

/** Fewer cost more each, as what happens once is shared by them: the files that are read, the code that is compiled. */
const enoughMachines = 100;

/**
 * Machines a minute: what the link carries, and what one core of the server does. What a machine costs is the
 * dearest of the measured storms that are large enough to need a core.
 */
function sizingTable(all: readonly Measured[]): string {
  const large = all.filter(({ result }) => result.booted >= enoughMachines);
  const storms = large.length > 0 ? large : all;
  const bytes = Math.max(...storms.map(({ result }) => result.bytes / result.booted));
  const cpu = Math.max(
    ...storms.map(({ result }) => (result.server?.cpuSeconds ?? 0) / result.booted),
  );
  const byCore = 60 / cpu;
  const rows = [1, 2.5, 10, 25].map((gigabits) => {
    const byLink = (60 * gigabits * 1e9 * usable) / 8 / bytes;
    const least = Math.min(byLink, byCore);
    const by = byLink < byCore ? "the link" : "one core of the server";
    return [
      `${gigabits} Gbit/s`,
      byLink.toFixed(0),
      byCore.toFixed(0),
      `${least.toFixed(0)}, by ${by}`,
    ];
  });
  const size = (bytes / 1e6).toFixed(0);
  const head = ["link", "machines a minute: link", "one core", "so"];
  return `With ${size} MB a machine and ${(cpu * 1000).toFixed(1)} ms of the server's processor:\n\n${markdown([head, ...rows])}`;
}

function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1];
}

export function inMs(value: number | undefined): string {
  if (value === undefined) return "";
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

/** What the kernel lost of what came to a process's network so far. */
export function lostIn(pid: number): Measured["lost"] {
  return {
    connections: counter(pid, "netstat", "TcpExt", "ListenOverflows"),
    datagrams: counter(pid, "snmp", "Udp", "RcvbufErrors"),
  };
}

/** `/proc/net/netstat`: a line with the names and one with the numbers. */
function counter(pid: number, file: string, group: string, name: string): number {
  const lines = readFileSync(`/proc/${pid}/net/${file}`, "utf8").split("\n");
  const [names = [], values = []] = lines
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf(name)] ?? 0);
}
