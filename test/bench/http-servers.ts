import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openGenerationStore } from "../../src/artifacts/store/generation-store.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Program } from "../support/command.ts";

/* HTTP servers to measure beside each other, each a process on a core of its own, serving the same files. */

export interface HttpServer {
  readonly name: string;
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Where a server listens. */
export interface ServerAt {
  readonly host: string;
  readonly port: number;
  /** The device that has the address. */
  readonly device: string;
  /** The network namespace to run in; null: this one. */
  readonly within: string | null;
}

const tickSeconds = 1 / 100;

/** eim-pxe as it is installed, with a generation of these files. */
export async function startOurs(
  program: Program,
  folder: string,
  files: ReadonlyMap<string, string>,
  at: ServerAt,
  http: object = {},
): Promise<HttpServer> {
  const dataDir = join(folder, `data-${at.port}`);
  const store = await openGenerationStore({
    directory: join(dataDir, "artifacts"),
    keepGenerations: 2,
    inUse: () => new Set(),
    emit: () => {},
    clock: systemClock,
  });
  const stored = [...files].map(([name, path]) => {
    const bytes = readFileSync(path);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { name, path, size: bytes.length, sha256, etag: null, lastModified: null };
  });
  const createdAt = new Date().toISOString();
  await store.publish(stored, { origin: "https://bench.example", createdAt });
  await store.close();
  const config = join(folder, `eim-pxe-${at.port}.yaml`);
  writeFileSync(
    config,
    JSON.stringify({
      dataDir,
      interfaces: [{ name: at.device, address: at.host, dhcp: { mode: "off" } }],
      tftp: { enabled: false },
      http: { port: at.port, ...http },
      admin: { listen: `127.0.0.1:${at.port + 1}` },
      artifacts: { loaderDirs: [] },
    }),
  );
  const child = pinned(at, process.execPath, [program.entry, "serve", "--config", config]);
  return running("eim-pxe", child, at);
}

/** nginx with one worker, and sendfile as it comes or `sendfile_max_chunk`. */
export async function startNginx(
  folder: string,
  files: ReadonlyMap<string, string>,
  at: ServerAt,
  maxChunk: string | null,
): Promise<HttpServer> {
  const root = join(folder, `nginx-${at.port}`);
  mkdirSync(join(root, "artifacts"), { recursive: true });
  for (const [name, path] of files) cpSync(path, join(root, "artifacts", name));
  cpSync(files.get("boot.ipxe") ?? "", join(root, "boot.ipxe"));
  const config = join(root, "nginx.conf");
  const chunk = maxChunk === null ? "" : `sendfile_max_chunk ${maxChunk};`;
  writeFileSync(
    config,
    `daemon off; master_process off; user root; pid ${root}/pid; error_log ${root}/error;
worker_rlimit_nofile 4096;
events { worker_connections 4000; }
http {
  access_log off; sendfile on; ${chunk} keepalive_requests 10000000; default_type application/octet-stream;
  server { listen ${at.host}:${at.port} backlog=4096; root ${root}; }
}`,
  );
  const child = pinned(at, "nginx", ["-c", config]);
  const name = maxChunk === null ? "nginx" : `nginx, sendfile_max_chunk ${maxChunk}`;
  return running(name, child, at);
}

/** Node's own HTTP server, which answers everything with the script. */
export function startBareNode(
  files: ReadonlyMap<string, string>,
  at: ServerAt,
): Promise<HttpServer> {
  const guest = "test/bench/guests/bare-http.ts";
  const words = [guest, at.host, String(at.port), files.get("boot.ipxe") ?? ""];
  return running(
    "node:http alone",
    pinned(at, process.execPath, ["--import", "tsx", ...words]),
    at,
  );
}

/** Processor seconds that a process and its threads used so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickSeconds;
}

/** Bytes of memory that a process has now. */
export function residentBytes(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return pages * Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));
}

function pinned(at: ServerAt, command: string, args: readonly string[]): ChildProcess {
  const [program, ...rest] = commandAt(at.within, ["taskset", "-c", "0", command, ...args]);
  return spawn(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
}

/** A command in a network namespace; each of these programs becomes the next one, so its process is the last one's. */
export function commandAt(
  within: string | null,
  [program, ...args]: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  return within === null ? [program, ...args] : ["ip", "netns", "exec", within, program, ...args];
}

async function running(
  name: string,
  child: ChildProcess,
  { host, port, within }: ServerAt,
): Promise<HttpServer> {
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  while (!(await answers(within, host, port))) await sleep(50);
  return {
    name,
    pid: child.pid ?? 0,
    host,
    port,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function answers(within: string | null, host: string, port: number): Promise<boolean> {
  const open = `exec 3<>/dev/tcp/${host}/${port}`;
  const [program, ...args] = commandAt(within, ["bash", "-c", open]);
  return new Promise((resolve) => execFile(program, args, (error) => resolve(error === null)));
}
