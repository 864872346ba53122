import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { Program } from "../support/command.ts";
import { type ClientOptions, clientResult } from "./guests/http-client-shape.ts";
import {
  cpuSeconds,
  type HttpServer,
  residentBytes,
  startNginx,
  startOurs,
} from "./http-servers.ts";

/*
 * HTTP on loopback beside nginx with one worker, server and client on a core each:
 *   npx tsx test/bench/http.ts [runs] [seconds]
 * Servers take turns in each run; figures are medians. The client discards bodies in the kernel, so that only
 * the server counts. Needs root, and nginx (Debian: nginx-light).
 */

const [runs = 5, seconds = 3] = process.argv.slice(2).map(Number);
const mebibyte = 1024 * 1024;

interface Case {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  readonly range: string | null;
}

const counts = [1, 16, 64, 256];
const cases: readonly Case[] = [
  ...counts.map((connections) => ({
    name: "100 MiB",
    path: "/artifacts/initramfs-x86_64",
    connections,
    range: null,
  })),
  ...counts.map((connections) => ({
    name: "1 MiB",
    path: "/artifacts/vmlinuz-x86_64",
    connections,
    range: null,
  })),
  ...[16, 64].map((connections) => ({
    name: "range of 1 MiB",
    path: "/artifacts/initramfs-x86_64",
    connections,
    range: `${50 * mebibyte + 1}-${51 * mebibyte}`,
  })),
  { name: "boot.ipxe", path: "/boot.ipxe", connections: 64, range: null },
];

interface Figures {
  readonly megabytes: number;
  readonly requests: number;
  readonly cpuPerGibibyte: number;
  readonly slowestMs: number;
}

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-http-"));
const file = (name: string, content: Uint8Array | string): [string, string] => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return [name, path];
};
const script = orchestratorBootScript("https://orchestrator.example/tink-stack");
const files = new Map([
  file("initramfs-x86_64", randomBytes(100 * mebibyte)),
  file("vmlinuz-x86_64", randomBytes(mebibyte)),
  file("boot.ipxe", script),
]);

async function measure(server: HttpServer, one: Case): Promise<Figures> {
  const { host, port } = server;
  const options: ClientOptions = { ...one, host, port, seconds };
  const args = ["-c", "1", process.execPath, "--import", "tsx", "test/bench/guests/http-client.ts"];
  const before = cpuSeconds(server.pid);
  const { stdout } = await promisify(execFile)("taskset", [...args, JSON.stringify(options)]);
  const cpu = cpuSeconds(server.pid) - before;
  const result = clientResult.parse(JSON.parse(stdout));
  if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
  return {
    megabytes: result.bytes / result.seconds / 1e6,
    requests: result.requests / result.seconds,
    cpuPerGibibyte: cpu / (result.bytes / 1024 ** 3),
    slowestMs: result.slowestMs,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function medians(all: readonly Figures[]): Figures {
  return {
    megabytes: median(all.map(({ megabytes }) => megabytes)),
    requests: median(all.map(({ requests }) => requests)),
    cpuPerGibibyte: median(all.map(({ cpuPerGibibyte }) => cpuPerGibibyte)),
    slowestMs: median(all.map(({ slowestMs }) => slowestMs)),
  };
}

const program = await Program.build();
const host = "127.0.0.1";
const ours = await startOurs(program, folder, files, { host, port: 18080, interface: "lo" });
const peer = await startNginx(folder, files, { host, port: 18082 }, null);
const inChunks = await startNginx(folder, files, { host, port: 18083 }, "256k");
const servers = [ours, peer, inChunks];
console.log("| | connections | server | MB/s | requests/s | CPU s/GiB | slowest ms | to nginx |");
console.log("|---|---|---|---|---|---|---|---|");
for (const one of cases) {
  const all = new Map(servers.map((server) => [server, [] as Figures[]]));
  for (let run = 0; run < runs; run += 1) {
    for (const server of servers) all.get(server)?.push(await measure(server, one));
  }
  const nginx = medians(all.get(peer) ?? []);
  for (const [server, figures] of all) {
    const { megabytes, requests, cpuPerGibibyte, slowestMs } = medians(figures);
    const row = [
      one.name,
      one.connections,
      server.name,
      megabytes.toFixed(0),
      requests.toFixed(0),
      cpuPerGibibyte.toFixed(2),
      slowestMs.toFixed(0),
      (requests > 1000 ? requests / nginx.requests : megabytes / nginx.megabytes).toFixed(2),
    ];
    console.log(`| ${row.join(" | ")} |`);
  }
}
console.log(`\nmemory of eim-pxe: ${(residentBytes(ours.pid) / mebibyte).toFixed(0)} MiB`);
for (const server of servers) await server.stop();
await program.remove();
rmSync(folder, { recursive: true });
