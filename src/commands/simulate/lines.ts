import { sizeInWords } from "../shared/progress.ts";
import { tableLines } from "../shared/table.ts";
import type { Figures, Limit, SimulationResult } from "../../pxe-client/simulation/result.ts";
import { simulatedStages } from "../../pxe-client/simulation/plan.ts";
import type { Progress } from "./workers.ts";

/* What `simulate` writes for people. */

/** One line that grows: `12 s  dhcp 3  loader 40  up 57 of 100`. */
export function progressLine(progress: Progress, nodes: number, seconds: number): string {
  const { stages, booted, failed, bytes } = progress;
  const present = simulatedStages.flatMap((stage) => {
    const count = stages[stage] ?? 0;
    return count === 0 ? [] : [`${stage} ${count}`];
  });
  const parts = [
    `${seconds.toFixed(0)} s`,
    ...present,
    `up ${booted} of ${nodes}`,
    ...(failed === 0 ? [] : [`failed ${failed}`]),
    sizeInWords(bytes),
  ];
  return parts.join("  ");
}

const limitWords: Readonly<Record<Limit, string>> = {
  generator: "this generator",
  server: "the server",
  link: "the link",
  none: "none of them",
};

/** The result, for a terminal. */
export function resultLines(result: SimulationResult): readonly string[] {
  const { stages, failures, booted, nodes, seconds, bytes, bytesPerSecond, repeats } = result;
  const header = ["stage", "machines", "p50", "p90", "p99", "max", "limited by"];
  const rows = Object.entries(stages).map(([name, figures]) => row(name, figures));
  return [
    ...tableLines([header, ...rows]),
    "",
    `${booted} of ${nodes} machines booted in ${seconds.toFixed(1)} s: ${sizeInWords(bytes)}, ${sizeInWords(bytesPerSecond)}/s, ${repeats} repeated requests.`,
    ...failures.map(({ stage, reason, count }) => `${count} failed at ${stage}: ${reason}`),
    ...judgement(result),
  ];
}

function row(name: string, { count, p50Ms, p90Ms, p99Ms, maxMs, limit }: Figures): string[] {
  return [name, String(count), ...[p50Ms, p90Ms, p99Ms, maxMs].map(duration), limitWords[limit]];
}

/** `0.42 ms`, `310 ms`, `12.3 s` */
function duration(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(2)} ms`;
}

function judgement({ limit, generator, server, ownAddresses, dhcp }: SimulationResult): string[] {
  const { workers, cpuSeconds, busy, delayMs } = generator;
  const processes = workers === 1 ? "1 worker process" : `${workers} worker processes`;
  const lines = [
    `Generator: ${processes}, ${cpuSeconds.toFixed(1)} s of processor time, ${percent(busy)} busy, ` +
      `its event loop late by ${delayMs.p99Ms.toFixed(1)} ms (p99), ${delayMs.maxMs.toFixed(0)} ms at most.`,
  ];
  if (server === null) {
    lines.push(
      "Server: its processor time is not known here; where it runs on this host, name it by --server-pid.",
    );
  } else {
    const memory =
      server.peakMemoryBytes === null
        ? ""
        : `, ${sizeInWords(server.peakMemoryBytes)} of memory at most`;
    lines.push(
      `Server: process ${server.pid}, ${server.cpuSeconds.toFixed(1)} s of processor time, ${percent(server.busy)} of a core${memory}.`,
    );
  }
  lines.push(`Limited by: ${limitInWords(limit)}.`);
  if (!ownAddresses) {
    lines.push(
      "All machines shared one address, so the server's limits for each client (connections, transfers) are in " +
        "these figures. As root each machine has an address of its own.",
    );
  }
  if (dhcp.mode === "none") {
    lines.push(
      "Without root there is no UDP 68: nobody was asked for an address, and DHCP on port 67 is not in these figures.",
    );
  }
  return lines;
}

function limitInWords(limit: Limit): string {
  switch (limit) {
    case "generator":
      return (
        "this generator, whose cores were busy; the server may be faster than these figures. Run it on a " +
        "host with more cores, or with fewer nodes"
      );
    case "server":
      return "the server, whose core was busy";
    case "link":
      return "the link, which was full";
    case "none":
      return (
        "neither this generator nor, as far as can be seen from here, the server and the link: machines waited " +
        "for one another, for a ramp, or for a server whose processor is not seen"
      );
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
