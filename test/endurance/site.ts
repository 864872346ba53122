import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nextEvent } from "../support/netns.ts";
import { StormSite } from "../support/storm-site.ts";
import type { Program } from "../support/command.ts";

/* What the tests of endurance share: a site whose server is looked at from outside while machines boot. */

const mebibyte = 1024 * 1024;

/** Small files: it is the server that is tried, not the memory bus. */
const files = { loaderBytes: 256 * 1024, kernelBytes: mebibyte, initramfsBytes: 2 * mebibyte };

export function openSite(program: Program): Promise<StormSite> {
  return StormSite.open(program, {
    mode: "full",
    ...files,
    configuration: {
      syslog: { port: 514 },
      timeline: { keepBoots: 1000 },
      nodes: { file: "nodes.yaml" },
    },
    // The site's own machines: unknown ones have to share what is left beside a flood.
    prepare: (folder) => {
      writeFileSync(join(folder, "nodes.yaml"), '[{ mac: "02:65:69:*", netboot: allow }]\n');
    },
  });
}

/** What of the server would grow if something were kept that is done with. */
export interface Sample {
  readonly second: number;
  readonly residentMiB: number;
  readonly heapMiB: number;
  /** What V8 has for it, and buffers outside of it. */
  readonly heapTotalMiB: number;
  readonly externalMiB: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly timers: number;
  /** Boots that are remembered; `timeline.keepBoots` bounds them. */
  readonly boots: number;
  readonly journalKiB: number;
  readonly timelineKiB: number;
  readonly logBytes: number;
}

/** Looks at the server as the kernel and its own metrics show it. */
export function sampleOf(site: StormSite, startedAtMs: number): Sample {
  const pid = site.serverPid;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  const metrics = asked(site, "metrics");
  const metric = (name: string) =>
    Number(new RegExp(`^${name} ([\\d.e+]+)`, "m").exec(metrics)?.[1] ?? 0);
  const size = (name: string) =>
    (statSync(join(site.folder, "data", name), { throwIfNoEntry: false })?.size ?? 0) / 1024;
  return {
    second: Math.round((performance.now() - startedAtMs) / 1000),
    residentMiB: number("VmRSS") / 1024,
    heapMiB: metric("nodejs_heap_size_used_bytes") / mebibyte,
    heapTotalMiB: metric("nodejs_heap_size_total_bytes") / mebibyte,
    externalMiB: metric("nodejs_external_memory_bytes") / mebibyte,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: number("Threads"),
    timers: metric('nodejs_active_resources\\{type="Timeout"\\}'),
    boots: bootsKept(site),
    journalKiB: size("leases.journal"),
    timelineKiB: size("timeline.jsonl"),
    logBytes: site.log.length,
  };
}

function bootsKept(site: StormSite): number {
  const reply: unknown = JSON.parse(asked(site, "api/v1/boots?limit=500"));
  return typeof reply === "object" && reply !== null && "boots" in reply
    ? Number(Array.isArray(reply.boots) && reply.boots.length)
    : 0;
}

/** The admin port is the server's host's own. */
function asked(site: StormSite, path: string): string {
  const curl = ["curl", "-sf", "--max-time", "60", `http://127.0.0.1:8081/${path}`];
  return execFileSync("ip", ["netns", "exec", site.serverHost, ...curl], {
    maxBuffer: 64 * mebibyte,
  }).toString();
}

/**
 * Lets machines boot, one set after the other, until `isOver`; what went wrong, and how many came up.
 *
 * @param everyMs a set begins so long after the one before, or when that has ended
 */
export async function bootMachines(
  site: StormSite,
  words: readonly string[],
  isOver: () => boolean,
  everyMs = 0,
): Promise<{ readonly booted: number; readonly failures: readonly string[] }> {
  const failures: string[] = [];
  let booted = 0;
  do {
    const nextAtMs = performance.now() + everyMs;
    const { code, result, output } = await site.simulate(...words);
    booted += result?.booted ?? 0;
    if (code !== 0) failures.push(output.slice(0, 4000));
    const pauseMs = nextAtMs - performance.now();
    if (pauseMs > 0 && !isOver()) await sleep(pauseMs);
  } while (!isOver());
  return { booted, failures };
}

/** Which events the log is made of: those that take most of it, with their lines and bytes. */
export function shareOfEvents(log: string): Readonly<Record<string, string>> {
  const sums = new Map<string, { lines: number; bytes: number }>();
  for (const line of log.split("\n")) {
    const name = /"event":"([a-z-]+)"/.exec(line)?.[1] ?? "other";
    const { lines, bytes } = sums.get(name) ?? { lines: 0, bytes: 0 };
    sums.set(name, { lines: lines + 1, bytes: bytes + line.length });
  }
  const largest = [...sums].toSorted(([, a], [, b]) => b.bytes - a.bytes).slice(0, 12);
  return Object.fromEntries(
    largest.map(([name, { lines, bytes }]) => [name, `${lines} lines, ${bytes} bytes`]),
  );
}

/** The most that the log grew by within any minute. Lines have their time, and are in its order. */
export function mostInOneMinute(log: string): number {
  const lines = log.split("\n").flatMap((line) => {
    const atMs = Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? "");
    return Number.isNaN(atMs) ? [] : [{ atMs, bytes: Buffer.byteLength(line) + 1 }];
  });
  let [most, bytes, first] = [0, 0, 0];
  for (const { atMs, bytes: more } of lines) {
    bytes += more;
    while ((lines[first]?.atMs ?? atMs) <= atMs - 60_000) bytes -= lines[first++]?.bytes ?? 0;
    most = Math.max(most, bytes);
  }
  return most;
}

/** What the server says of boots that were attacked is right; only that it ends is asked for. */
export async function close(site: StormSite): Promise<void> {
  await site.close().catch((error: unknown) => {
    if (!String(error).includes("nothing is wrong with boots")) throw error;
  });
}

/** Seconds or minutes of the command line: `--seconds 300`. */
export function wordOf(name: string, usual: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = at < 0 ? usual : Number(process.argv[at + 1]);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`);
  return value;
}

export { nextEvent };
