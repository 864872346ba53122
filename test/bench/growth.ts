/**
 * What a server with very many nodes, leases and boots takes: its start, its memory, and how long it keeps its event loop from
 * everything else while it does what has to do with all of them:
 *   npx tsx test/bench/growth.ts [OF EACH, 100000 where nothing is said]
 * Needs root. A table in Markdown. The longest stall is what a timer of the server's own process saw, so that what other programs
 * take of the processor is in it: on a busy machine only the least of several runs says something.
 */
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  statSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeLease } from "../../src/dhcp/leases/journal-format.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { ip4FromNumber } from "../../src/lib/ip4.ts";
import { bootLine, eventLine, headerLine } from "../../src/timeline/boot-record.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import type { Stage } from "../../src/timeline/stages.ts";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, nextEvent } from "../support/netns.ts";
import { markdown } from "./storm-tables.ts";

const count = Number(process.argv[2] ?? 100_000);
/** Lines that are written to a file at a time. */
const AT_ONCE = 1000;
/** A journal with so many lines for each lease is written anew when one more comes. */
const LINES_UNTIL_COMPACTION = 5;

const hex = (n: number) => n.toString(16).padStart(6, "0").match(/../g)?.join(":") ?? "";
const macOf = (n: number) => `52:54:00:${hex(n)}`;
/** From 10.64.1.0 on. */
const addressOf = (n: number) => ip4FromNumber(0x0a400100 + n);

/** A monitor in the server's own process; SIGUSR2 has it say the longest delay since the last one. */
const monitor = `
import { monitorEventLoopDelay } from "node:perf_hooks";
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on("SIGUSR2", () => {
  console.log(JSON.stringify({ event: "stall", longestMs: delay.max / 1e6 }));
  delay.reset();
});`;

const folder = mkdtempSync("/dev/shm/eim-pxe-growth-");
const journal = join(folder, "leases.journal");
const net = createNetns();
const program = await Program.build();

function writeLines(file: string, lineOf: (n: number) => string): void {
  for (let at = 0; at < count; at += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - at);
    appendFileSync(file, Array.from({ length: size }, (_, n) => lineOf(at + n)).join(""));
  }
}

function writeNodes(): void {
  writeLines(
    join(folder, "nodes.yaml"),
    (n) => `- { mac: "${macOf(n)}", name: node-${n}, address: ${addressOf(n)} }\n`,
  );
}

function writeLeases(): void {
  const nowMs = Date.now();
  const lineOf = (n: number) =>
    encodeLease(
      {
        mac: macOf(n),
        address: addressOf(n),
        network: "10.64.0.0/14",
        state: "bound",
        startedAtMs: nowMs,
        expiresAtMs: nowMs + 86_400_000,
        hostname: `node-${n}`,
        clientId: null,
      },
      nowMs,
    );
  writeLines(journal, lineOf);
}

/** Boots that came up, each with three events. */
function writeBoots(): void {
  const stages: readonly Stage[] = [
    "discover",
    "offer",
    "loader-start",
    "loader-done",
    "script",
    "kernel",
    "initramfs-done",
    "micro-os",
  ];
  const sessions = new BootSessions();
  const first = { mac: macOf(0), address: addressOf(0) };
  const now = { nowMs: systemClock.now(), wallMs: systemClock.wall() };
  for (const stage of stages) sessions.record(stage, first, {}, now);
  const boot = sessions.latest(first);
  if (boot === null) throw new Error("no boot was recorded");
  const file = join(folder, "timeline.jsonl");
  writeFileSync(file, headerLine);
  writeLines(file, (n) => {
    const number = n + 1;
    const [mac, address] = [macOf(n), addressOf(n)];
    const at = new Date(now.wallMs).toISOString();
    const events = ["discover", "script", "micro-os"].map((event) =>
      eventLine(number, JSON.stringify({ at, event, mac, address })),
    );
    return (
      events.join("") + bootLine({ ...boot, number, id: `${mac}-${number}`, mac, address }, now)
    );
  });
}

function configuration(): string {
  const file = join(folder, "eim-pxe.yaml");
  const pools = [`${addressOf(0)}-${addressOf(count + 1000)}`];
  writeFileSync(
    file,
    JSON.stringify({
      dataDir: folder,
      interfaces: [{ name: "eth0", dhcp: { mode: "full", pools } }],
      dhcp: { allowOtherServers: true },
      nodes: { file: join(folder, "nodes.yaml") },
      timeline: { keepBoots: Math.max(100, count) },
    }),
  );
  return file;
}

interface Running {
  readonly guest: Guest;
  readonly startMs: number;
}

async function start(host: string, file: string): Promise<Running> {
  const from = performance.now();
  const monitored = ["--import", `data:text/javascript,${encodeURIComponent(monitor)}`];
  const serve = [program.entry, "serve", "--config", file];
  const guest = net.spawn(host, process.execPath, ...monitored, ...serve);
  await nextEvent(guest, "listening");
  return { guest, startMs: performance.now() - from };
}

async function longestStall({ guest }: Running): Promise<number> {
  guest.signal("SIGUSR2");
  const { longestMs } = await nextEvent(guest, "stall");
  return Number(longestMs);
}

const rows: string[][] = [["what", "took, ms", "longest stall of the event loop, ms"]];

async function measured(name: string, server: Running, act: () => Promise<number>): Promise<void> {
  await longestStall(server);
  const ms = await act();
  // The timer of the monitor is to see the last turn, too.
  await sleep(100);
  rows.push([name, ms.toFixed(0), (await longestStall(server)).toFixed(0)]);
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await act();
  return performance.now() - from;
}

/** Requests are sent from the server's own host, one after the other. */
async function asking(host: string): Promise<(method: string, path: string) => Promise<number>> {
  const client = net.run(host, new URL("guests/asking.ts", import.meta.url), "127.0.0.1:8081");
  await nextEvent(client, "asking");
  return async (method, path) => {
    client.write(`${method} ${path}`);
    const { status, ms } = await nextEvent(client, "answer");
    if (status !== 200) throw new Error(`${method} ${path}: ${String(status)}`);
    return Number(ms);
  };
}

function memoryOf({ guest }: Running): number {
  const status = readFileSync(`/proc/${guest.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

try {
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  console.log(`${count} nodes, leases and boots; load of the machine at the start: ${load}\n`);
  const server = net.host("server");
  const other = net.host("other");
  net.cable(
    { host: server, device: "eth0", addresses: ["10.64.0.1/14"] },
    { host: other, device: "eth0", addresses: ["10.64.0.2/14"] },
  );
  const file = configuration();
  writeFileSync(join(folder, "nodes.yaml"), "[]\n");
  const empty = await start(server, file);
  await sleep(3000);
  rows.push(["start of an empty server", empty.startMs.toFixed(0), ""]);
  const emptyMiB = memoryOf(empty);
  await empty.guest.stop();
  for (const name of ["nodes.yaml", "leases.journal", "timeline.jsonl"]) {
    rmSync(join(folder, name), { force: true });
  }
  writeNodes();
  writeLeases();
  writeBoots();
  const first = await start(server, file);
  rows.push(["start", first.startMs.toFixed(0), ""]);
  await sleep(3000);
  const fullMiB = memoryOf(first);
  await measured("nothing, for 11 s", first, () => timed(() => sleep(11_000)));
  await measured("SIGHUP", first, () => {
    first.guest.signal("SIGHUP");
    return timed(() => nextEvent(first.guest, "reloaded"));
  });
  const ask = await asking(server);
  const half = macOf(count >> 1);
  for (const path of [
    "/api/v1/nodes?limit=500",
    `/api/v1/nodes?limit=500&cursor=${encodeURIComponent(half)}`,
    "/api/v1/nodes?status=waiting",
    "/api/v1/boots?limit=100",
    `/api/v1/boots?limit=100&cursor=${count >> 1}`,
    "/api/v1/boots?status=stalled",
    "/api/v1/leases?limit=1000",
    `/api/v1/leases?limit=1000&cursor=${addressOf(count >> 1)}`,
    "/api/v1/site",
    "/metrics",
  ]) {
    // What is compiled at the first request is not the list's.
    await ask("GET", path);
    await measured(`GET ${decodeURIComponent(path)}`, first, () => ask("GET", path));
  }
  await first.guest.stop();
  const lines = readFileSync(journal);
  for (let n = 1; n < LINES_UNTIL_COMPACTION; n += 1) appendFileSync(journal, lines);
  const second = await start(server, file);
  const askAgain = await asking(server);
  await sleep(3000);
  await measured(
    `a lease is released, its journal of ${LINES_UNTIL_COMPACTION} lines each written anew`,
    second,
    () =>
      timed(async () => {
        await askAgain("DELETE", `/api/v1/leases/${addressOf(7)}`);
        // It is replaced when all leases are in the new one, beside what else is done.
        for (let n = 0; n < 1000 && statSync(journal).size > lines.length * 2; n += 1) {
          await sleep(20);
        }
      }),
  );
  await second.guest.stop();
  console.log(markdown(rows));
  console.log(`Memory: ${fullMiB.toFixed(0)} MiB, empty ${emptyMiB.toFixed(0)} MiB.`);
} finally {
  await net.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
}
