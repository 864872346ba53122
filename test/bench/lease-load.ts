import { readFileSync } from "node:fs";
import type { Guest, Netns } from "../support/netns.ts";
import { cpuSeconds } from "./tftp-peers.ts";

/*
 * The machines of `leases.ts`: several perfdhcp at once, since one alone ends at some 7,500 exchanges a second. Each is a relay agent
 * with an address of its own, and has clients of its own.
 */

export interface LoadParts {
  readonly net: Netns;
  /** The host with the addresses of `relayAgents`. */
  readonly host: string;
  /** How many ask at once. */
  readonly processes: number;
  /** All of them run there; null: wherever the kernel puts them. */
  readonly core: number | null;
  /** The server's core; null: wherever the kernel puts it. */
  readonly serverCore: number | null;
}

export interface Load {
  /** Whole exchanges. */
  readonly perSecond: number;
  /** Of the first or the second half of an exchange, whichever lost more. */
  readonly lossPercent: number;
  /** From request to answer, sorted; empty unless asked for. */
  readonly millisecondsOf: readonly number[];
  /** Processor time of the server for a whole exchange. */
  readonly microsecondsEach: number;
  /** Of its core the server alone; all that runs there; all that runs on the generators' core. */
  readonly busy: { readonly server: number; readonly core: number; readonly generators: number };
}

export interface Asked {
  readonly perSecond: number;
  readonly seconds: number;
  /** Different machines, in all. */
  readonly machines: number;
  /** Whether it is noted how long each answer takes. */
  readonly times?: boolean;
}

/** `10.9.0.2` and so on: perfdhcp asks as a relay agent, from port 67 of an address. */
export function relayAgents(processes: number): readonly string[] {
  return Array.from({ length: processes }, (_, n) => `10.9.0.${n + 2}`);
}

/** Asks a server at 10.9.0.1. */
export async function load(parts: LoadParts, server: Guest, asked: Asked): Promise<Load> {
  const { net, host, processes, core, serverCore } = parts;
  const { perSecond, seconds, machines, times = false } = asked;
  const [used, busyBefore, fromMs] = [
    cpuSeconds(server.pid),
    [serverCore, core].map(coreTimes),
    performance.now(),
  ];
  const outputs = await Promise.all(
    relayAgents(processes).map(async (address, n) => {
      const pinned = core === null ? [] : ["taskset", "-c", `${core}`];
      const threads = core === null ? [] : ["-g", "single"];
      const rate = ["-r", `${Math.round(perSecond / processes)}`, "-p", `${seconds}`];
      const clients = [
        "-R",
        `${Math.floor(machines / processes)}`,
        "-b",
        `mac=00:0c:0${n}:00:00:00`,
      ];
      const shown = times ? ["-x", "t"] : [];
      const how = ["-4", ...threads, ...rate, ...clients, ...shown, "-l", address];
      const words = [...pinned, "perfdhcp", ...how, "10.9.0.1"];
      const [program = "", ...rest] = words;
      return (await net.spawn(host, program, ...rest).ended()).output;
    }),
  );
  const elapsedSeconds = (performance.now() - fromMs) / 1000;
  const usedSeconds = cpuSeconds(server.pid) - used;
  const [ofServersCore = Number.NaN, ofGenerators = Number.NaN] = [serverCore, core].map((at, n) =>
    shareBetween(busyBefore[n], coreTimes(at)),
  );
  const reached = sum(outputs.map((text) => Number(/^Rate: ([\d.]+)/m.exec(text)?.[1] ?? 0)));
  const halves = [0, 1].map(
    (half) => sum(outputs.map((text) => lossesIn(text)[half] ?? 100)) / processes,
  );
  return {
    perSecond: reached,
    lossPercent: Math.max(...halves),
    millisecondsOf: outputs.flatMap(timesIn).toSorted((a, b) => a - b),
    microsecondsEach: (usedSeconds * 1e6) / (reached * seconds),
    busy: { server: usedSeconds / elapsedSeconds, core: ofServersCore, generators: ofGenerators },
  };
}

/** For people: who kept the rate from being higher, or exchanges from being whole. */
export function limitOf({ busy }: Load): string {
  const full = 0.93;
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  if (busy.core >= full) {
    return busy.server >= full * 0.9
      ? "the server"
      : `the server's core, of which it had ${percent(busy.server)}`;
  }
  if (busy.generators >= full) return "the generators";
  return `neither core (${percent(busy.core)}, ${percent(busy.generators)}): queues or the disk`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

function lossesIn(output: string): readonly number[] {
  return [...output.matchAll(/drops ratio: ([\d.]+) %/g)].map((found) => Number(found[1]));
}

function timesIn(output: string): readonly number[] {
  const stamps = output.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)$/gm);
  return [...stamps].map(([, sent, received]) => (Number(received) - Number(sent)) * 1000);
}

interface CoreTimes {
  readonly all: number;
  readonly idle: number;
}

/** Ticks of a core so far, `proc_stat(5)`; of all cores where it is null. */
function coreTimes(core: number | null): CoreTimes {
  const name = core === null ? "cpu" : `cpu${core}`;
  const line = new RegExp(`^${name} +(.*)$`, "m").exec(readFileSync("/proc/stat", "utf8"))?.[1];
  // user, nice, system, idle, iowait, irq, softirq, steal; what follows is in the first two already.
  const ticks = (line ?? "").split(" ").slice(0, 8).map(Number);
  return { all: sum(ticks), idle: (ticks[3] ?? 0) + (ticks[4] ?? 0) };
}

function shareBetween(before: CoreTimes | undefined, after: CoreTimes): number {
  if (before === undefined) return Number.NaN;
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}
