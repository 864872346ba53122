import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type ClientOptions, clientResult } from "./guests/http-client-shape.ts";
import { commandAt, cpuSeconds, type HttpServer } from "./http-servers.ts";
import { linePlot, type Series } from "./plot.ts";
import { markdown } from "./storm-tables.ts";

/* What HTTP servers are asked, beside one another, and the table and the picture of what came. */

const mebibyte = 1024 * 1024;

export interface Case {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  /** `first-last`, or null for the whole. */
  readonly range: string | null;
  /** So that each connection gets some answers. */
  readonly leastSeconds: number;
}

export interface Figures {
  readonly megabytes: number;
  readonly requests: number;
  readonly cpuPerGibibyte: number;
  readonly cpuPerRequestUs: number;
  readonly medianMs: number;
  readonly slowestMs: number;
}

export type Row = readonly [one: Case, figures: ReadonlyMap<HttpServer, Figures>];

const counts = [1, 16, 64, 256];

export const largeFile: readonly Case[] = counts.map((connections) => ({
  name: "100 MiB",
  path: "/artifacts/initramfs-x86_64",
  connections,
  range: null,
  leastSeconds: connections > 64 ? 12 : connections > 16 ? 4 : 0,
}));

export const allCases: readonly Case[] = [
  ...largeFile,
  ...counts.map((connections) => ({
    name: "1 MiB",
    path: "/artifacts/vmlinuz-x86_64",
    connections,
    range: null,
    leastSeconds: 0,
  })),
  ...counts.map((connections) => ({
    name: "range of 1 MiB",
    path: "/artifacts/initramfs-x86_64",
    connections,
    range: `${50 * mebibyte + 1}-${51 * mebibyte}`,
    leastSeconds: 0,
  })),
  { name: "boot.ipxe", path: "/boot.ipxe", connections: 64, range: null, leastSeconds: 0 },
];

/** What is small is compared by requests, and with Node's HTTP server alone besides. */
export const isScript = ({ path }: Case): boolean => path.endsWith(".ipxe");

/** The servers take turns in each run; the figures are medians. */
export async function compare(
  servers: readonly HttpServer[],
  cases: readonly Case[],
  how: { readonly runs: number; readonly seconds: number; readonly clientWithin: string | null },
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of cases) {
    const seconds = Math.max(how.seconds, one.leastSeconds);
    const all = new Map(servers.map((server) => [server, [] as Figures[]]));
    // Files that are not in memory yet, and code that is not compiled.
    for (const server of servers) await measure(server, one, 0.5, how.clientWithin);
    for (let run = 0; run < how.runs; run += 1) {
      for (const server of servers) {
        all.get(server)?.push(await measure(server, one, seconds, how.clientWithin));
      }
    }
    rows.push([one, new Map([...all].map(([server, figures]) => [server, medians(figures)]))]);
  }
  return rows;
}

async function measure(
  server: HttpServer,
  { path, connections, range }: Case,
  seconds: number,
  within: string | null,
): Promise<Figures> {
  const { host, port } = server;
  const options: ClientOptions = { host, port, path, connections, range, seconds };
  const client = [process.execPath, "--import", "tsx", "test/bench/guests/http-client.ts"];
  const words = ["-c", "1", ...client, JSON.stringify(options)];
  const [program, ...args] = commandAt(within, ["taskset", ...words]);
  const before = cpuSeconds(server.pid);
  const { stdout } = await promisify(execFile)(program, args);
  const cpu = cpuSeconds(server.pid) - before;
  const result = clientResult.parse(JSON.parse(stdout));
  if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
  return {
    megabytes: result.bytes / result.seconds / 1e6,
    requests: result.requests / result.seconds,
    cpuPerGibibyte: cpu / (result.bytes / 1024 ** 3),
    cpuPerRequestUs: (cpu / Math.max(1, result.requests)) * 1e6,
    medianMs: result.medianMs,
    slowestMs: result.slowestMs,
  };
}

function medians(all: readonly Figures[]): Figures {
  const of = (key: keyof Figures) => median(all.map((figures) => figures[key]));
  return {
    megabytes: of("megabytes"),
    requests: of("requests"),
    cpuPerGibibyte: of("cpuPerGibibyte"),
    cpuPerRequestUs: of("cpuPerRequestUs"),
    medianMs: of("medianMs"),
    slowestMs: of("slowestMs"),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** `nginx` is what the others are compared with: by requests where those are small, else by bytes. */
export function table(rows: readonly Row[], nginx: HttpServer): string {
  const head = [
    "",
    "connections",
    "server",
    "MB/s",
    "requests/s",
    "CPU s/GiB",
    "CPU µs/request",
    "median ms",
    "slowest ms",
    "to nginx",
  ];
  const lines = rows.flatMap(([one, all]) =>
    [...all].map(([server, figures]) => {
      const base = all.get(nginx) ?? figures;
      const isSmall = isScript(one);
      return [
        one.name,
        String(one.connections),
        server.name,
        figures.megabytes.toFixed(0),
        figures.requests.toFixed(0),
        figures.cpuPerGibibyte.toFixed(2),
        figures.cpuPerRequestUs.toFixed(0),
        figures.medianMs.toFixed(1),
        figures.slowestMs.toFixed(0),
        (isSmall ? figures.requests / base.requests : figures.megabytes / base.megabytes).toFixed(
          2,
        ),
      ];
    }),
  );
  return markdown([head, ...lines]);
}

/** MB/s over connections, of the cases of one name. */
export function picture(rows: readonly Row[], name: string, title: string): string {
  const points = new Map<string, [number, number][]>();
  for (const [one, all] of rows) {
    if (one.name !== name) continue;
    for (const [server, { megabytes }] of all) {
      points.set(server.name, [...(points.get(server.name) ?? []), [one.connections, megabytes]]);
    }
  }
  const series: Series[] = [...points].map(([server, at]) => ({ name: server, points: at }));
  return linePlot(series, {
    title,
    x: { label: "connections", scale: "log", ticks: counts },
    y: { label: "MB/s" },
  });
}
