import type { TurnTimes } from "../../net/load-loop.ts";
import {
  type MachineOutcome,
  simulatedStages,
  type SimulatedStage,
  type SimulationPlan,
} from "./plan.ts";

/** What was measured beside the machines, every half second. */
export interface Sample {
  /** Since the run began. */
  readonly atMs: number;
  /** Processor seconds of all workers so far. */
  readonly generatorCpu: number;
  /** The same of the server's process; null: it is not on this host, or not known. */
  readonly serverCpu: number | null;
  /** Of the interface, received so far. */
  readonly receivedBytes: number | null;
}

/** Who kept it from going faster. */
export type Limit = "generator" | "server" | "link" | "none";

export interface Figures {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly limit: Limit;
}

export interface Failure {
  readonly stage: SimulatedStage | "run";
  readonly reason: string;
  readonly count: number;
}

/** `eim-pxe simulate --json`. */
export interface SimulationResult {
  readonly target: string;
  readonly interface: string;
  readonly firmware: string;
  readonly nodes: number;
  readonly rampSeconds: number;
  readonly booted: number;
  readonly failed: number;
  /** From the first power-on to the end of the last boot. */
  readonly seconds: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly repeats: number;
  readonly dhcp: {
    /** `full`: the target gives out addresses; `proxy`: another server does; `none`: nobody was asked. */
    readonly mode: "full" | "proxy" | "none";
    readonly addressServer: string | null;
  };
  /** False: all machines shared one address, so the server's limits for each client are in the figures. */
  readonly ownAddresses: boolean;
  /** `dhcp-answer`: from each DHCP request to the target's answer; `boot`: a machine's whole boot. */
  readonly stages: Readonly<Record<string, Figures>>;
  readonly failures: readonly Failure[];
  readonly limit: Limit;
  readonly generator: {
    readonly workers: number;
    readonly cpuSeconds: number;
    /** Of the cores that its workers could use. */
    readonly busy: number;
    /** How long an answer may have waited for a worker that was busy. */
    readonly delayMs: TurnTimes;
  };
  readonly server: {
    readonly pid: number;
    readonly cpuSeconds: number;
    /** Of one core. */
    readonly busy: number;
    readonly peakMemoryBytes: number | null;
  } | null;
  /** How many machines were in each stage, were up and had failed, over time. */
  readonly timeline: readonly TimelinePoint[];
}

export interface TimelinePoint {
  readonly seconds: number;
  readonly stages: Readonly<Partial<Record<SimulatedStage, number>>>;
  readonly booted: number;
  readonly failed: number;
}

/** What the parent process saw of a run. */
export interface Run {
  readonly plan: SimulationPlan;
  readonly interface: string;
  readonly nodes: number;
  readonly rampSeconds: number;
  readonly outcomes: readonly MachineOutcome[];
  readonly samples: readonly Sample[];
  readonly workers: number;
  readonly turns: readonly TurnTimes[];
  /** Bits a second; null: unknown, as for virtual interfaces. */
  readonly linkSpeed: number | null;
  readonly server: { readonly pid: number; readonly peakMemoryBytes: number | null } | null;
}

/** From this share of its time on somebody counts as the limit. */
const busyShare = 0.9;
const linkShare = 0.85;
const timelinePoints = 120;

export function resultOf(run: Run): SimulationResult {
  const { plan, outcomes, samples, server, nodes, rampSeconds } = run;
  const good = outcomes.filter(({ failure }) => failure === null);
  const spans = outcomes.flatMap((one) => spansPassed(one));
  const lastMs = Math.max(0, ...outcomes.map((one) => one.spans.at(-1)?.endMs ?? 0));
  const bytes = outcomes.reduce((sum, one) => sum + one.bytes, 0);
  const whole = between(samples, 0, lastMs);
  const figures = (name: SimulatedStage): [string, Figures] => {
    const own = spans.filter(({ stage }) => stage === name);
    const from = Math.min(...own.map(({ startMs }) => startMs));
    const to = Math.max(...own.map(({ endMs }) => endMs));
    const limit = limitOf(between(samples, from, to), run);
    return [
      name,
      figuresOf(
        own.map(({ startMs, endMs }) => endMs - startMs),
        limit,
      ),
    ];
  };
  const limit = limitOf(whole, run);
  const answersMs = outcomes.flatMap((one) => one.answersMs);
  const boots = good.map(({ spans: own }) => (own.at(-1)?.endMs ?? 0) - (own[0]?.startMs ?? 0));
  const present = simulatedStages.filter((name) => spans.some(({ stage }) => stage === name));
  const { addressServer, bootServer, target, firmware, ownAddresses } = plan;
  return {
    target,
    interface: run.interface,
    firmware,
    nodes,
    rampSeconds,
    booted: good.length,
    failed: nodes - good.length,
    seconds: lastMs / 1000,
    bytes,
    bytesPerSecond: lastMs === 0 ? 0 : (bytes * 1000) / lastMs,
    repeats: outcomes.reduce((sum, one) => sum + one.repeats, 0),
    dhcp: {
      mode: addressServer === null ? "none" : addressServer === bootServer ? "full" : "proxy",
      addressServer,
    },
    ownAddresses,
    stages: Object.fromEntries([
      ...(answersMs.length === 0 ? [] : [["dhcp-answer", figuresOf(answersMs, limit)] as const]),
      ...present.map(figures),
      ["boot", figuresOf(boots, limit)] as const,
    ]),
    failures: failuresOf(outcomes),
    limit,
    generator: {
      workers: run.workers,
      cpuSeconds: whole.generatorCpu,
      busy: whole.seconds === 0 ? 0 : whole.generatorCpu / whole.seconds / run.workers,
      delayMs: {
        p50Ms: Math.max(0, ...run.turns.map(({ p50Ms }) => p50Ms)),
        p99Ms: Math.max(0, ...run.turns.map(({ p99Ms }) => p99Ms)),
        maxMs: Math.max(0, ...run.turns.map(({ maxMs }) => maxMs)),
      },
    },
    server:
      server === null || whole.serverCpu === null
        ? null
        : {
            pid: server.pid,
            cpuSeconds: whole.serverCpu,
            busy: whole.seconds === 0 ? 0 : whole.serverCpu / whole.seconds,
            peakMemoryBytes: server.peakMemoryBytes,
          },
    timeline: timelineOf(outcomes, lastMs),
  };
}

/** The stages that a machine got through. */
function spansPassed({ spans, failure }: MachineOutcome): MachineOutcome["spans"] {
  return failure === null ? spans : spans.slice(0, -1);
}

export function figuresOf(values: readonly number[], limit: Limit): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return {
    count: sorted.length,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    maxMs: sorted.at(-1) ?? 0,
    limit,
  };
}

interface Interval {
  readonly seconds: number;
  readonly generatorCpu: number;
  readonly serverCpu: number | null;
  readonly receivedBytes: number | null;
}

/** What was used between two times, as far as the samples tell. */
function between(samples: readonly Sample[], fromMs: number, toMs: number): Interval {
  const first = samples.findLast(({ atMs }) => atMs <= fromMs) ?? samples[0];
  const last = samples.find(({ atMs }) => atMs >= toMs) ?? samples.at(-1);
  if (first === undefined || last === undefined) {
    return { seconds: 0, generatorCpu: 0, serverCpu: null, receivedBytes: null };
  }
  return {
    seconds: (last.atMs - first.atMs) / 1000,
    generatorCpu: last.generatorCpu - first.generatorCpu,
    serverCpu: difference(last.serverCpu, first.serverCpu),
    receivedBytes: difference(last.receivedBytes, first.receivedBytes),
  };
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}

function limitOf(interval: Interval, { workers, linkSpeed }: Run): Limit {
  const { seconds, generatorCpu, serverCpu, receivedBytes } = interval;
  if (seconds === 0) return "none";
  // Where both are busy, the figures are not the server's alone.
  if (generatorCpu / seconds / workers >= busyShare) return "generator";
  if (serverCpu !== null && serverCpu / seconds >= busyShare) return "server";
  const used = linkSpeed === null ? 0 : ((receivedBytes ?? 0) * 8) / seconds / linkSpeed;
  return used >= linkShare ? "link" : "none";
}

function failuresOf(outcomes: readonly MachineOutcome[]): readonly Failure[] {
  const found = new Map<string, Failure>();
  for (const { failure } of outcomes) {
    if (failure === null) continue;
    // The same fault of two machines differs in their addresses.
    const reason = failure.reason.replaceAll(/\b\d+ bytes\b/g, "… bytes").replaceAll(macs, "MAC");
    const key = `${failure.stage} ${reason}`;
    found.set(key, { stage: failure.stage, reason, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()].toSorted((a, b) => b.count - a.count);
}

const macs = /\b[0-9a-f]{2}([:-][0-9a-f]{2}){5}\b/g;

function timelineOf(outcomes: readonly MachineOutcome[], lastMs: number): readonly TimelinePoint[] {
  const stepMs = Math.max(250, Math.ceil(lastMs / timelinePoints / 250) * 250);
  const count = Math.ceil(lastMs / stepMs) + 1;
  return Array.from({ length: count }, (_, index) => {
    const nowMs = index * stepMs;
    const stages: Partial<Record<SimulatedStage, number>> = {};
    let [booted, failed] = [0, 0];
    for (const { spans, failure } of outcomes) {
      const present = spans.find(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs);
      if (present !== undefined) stages[present.stage] = (stages[present.stage] ?? 0) + 1;
      else if ((spans.at(-1)?.endMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
        if (failure === null) booted += 1;
        else failed += 1;
      }
    }
    return { seconds: nowMs / 1000, stages, booted, failed };
  });
}
