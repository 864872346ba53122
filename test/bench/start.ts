/**
 * How long the packed program takes until it serves, beside Node alone, by turns:
 *   npx tsx test/bench/start.ts [TIMES, 9 where nothing is said]
 * A table in Markdown with the medians: time until `listening`, what that cost of the processor, what the idle process keeps
 * in memory, and how often its threads wake up. The server has a mirror of nothing, and one link of its own in mode full. Needs root.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../support/command.ts";
import { createNetns, nextEvent } from "../support/netns.ts";
import { markdown } from "./storm-tables.ts";

const times = Number(process.argv[2] ?? 9);
/** Over which wake-ups are counted, once. */
const IDLE_MS = 20_000;
/** Until what is done after `listening` is over. */
const SETTLE_MS = 3000;

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-start-"));
const net = createNetns();
const program = await Program.build();

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
}

const TICK_MS = 1000 / Number(execFileSync("getconf", ["CLK_TCK"]).toString());

/** User and system time of a process so far, `proc_pid_stat(5)`. */
function cpuMsOf(pid: number): number {
  const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user = 0, system = 0] = rest.split(" ").slice(11, 13).map(Number);
  return (user + system) * TICK_MS;
}

function wakeUpsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => {
    const status = readFileSync(`/proc/${pid}/task/${id}/status`, "utf8");
    return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  });
  return threads.reduce((sum, one) => sum + one, 0);
}

/** Node alone, which says what it took of the processor itself. */
async function bare(): Promise<Start> {
  const from = performance.now();
  const told =
    "const { user, system } = process.cpuUsage(); process.stdout.write(String(user + system));";
  const child = spawn(process.execPath, ["-e", told], { stdio: ["ignore", "pipe", "inherit"] });
  const [micros] = await once(child.stdout, "data");
  await once(child, "exit");
  return { ms: performance.now() - from, cpuMs: Number(String(micros)) / 1000 };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

const host = net.host("server");
net.cable(
  { host, device: "eth0", addresses: ["10.66.0.1/24"] },
  { host: net.host("other"), device: "eth0", addresses: ["10.66.0.2/24"] },
);
const file = join(folder, "eim-pxe.yaml");
writeFileSync(
  file,
  JSON.stringify({
    dataDir: join(folder, "data"),
    interfaces: [{ name: "eth0", dhcp: { mode: "full", pools: ["10.66.0.100-10.66.0.200"] } }],
    // Nobody else is on this cable: it need not search for seconds.
    dhcp: { allowOtherServers: true },
  }),
);

async function serve(idleMs: number) {
  const from = performance.now();
  const guest = net.spawn(host, process.execPath, program.entry, "serve", "--config", file);
  await nextEvent(guest, "listening");
  const ms = performance.now() - from;
  const cpuMs = cpuMsOf(guest.pid);
  await sleep(SETTLE_MS);
  const status = readFileSync(`/proc/${guest.pid}/status`, "utf8");
  const memoryMiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  const before = wakeUpsOf(guest.pid);
  await sleep(idleMs);
  const wakeUps = (wakeUpsOf(guest.pid) - before) / (idleMs / 1000);
  await guest.stop();
  return { ms, cpuMs, memoryMiB, wakeUps };
}

try {
  console.log(
    `Node ${process.version}; load of the machine at the start: ${loadavg()[0]?.toFixed(1) ?? "?"}\n`,
  );
  const node: Start[] = [];
  const ours: Awaited<ReturnType<typeof serve>>[] = [];
  await bare();
  await serve(1);
  for (let time = 0; time < times; time += 1) {
    node.push(await bare());
    ours.push(await serve(1));
  }
  const { wakeUps } = await serve(IDLE_MS);
  const of = (all: readonly Start[], key: keyof Start) => median(all.map((one) => one[key]));
  const ratio = (key: keyof Start) => (of(ours, key) / of(node, key)).toFixed(1);
  console.log(
    markdown([
      ["", "node -e 0", "serve, until `listening`", "ratio"],
      ["ms", of(node, "ms").toFixed(0), of(ours, "ms").toFixed(0), ratio("ms")],
      ["processor, ms", of(node, "cpuMs").toFixed(0), of(ours, "cpuMs").toFixed(0), ratio("cpuMs")],
    ]),
  );
  const memory = median(ours.map(({ memoryMiB }) => memoryMiB)).toFixed(0);
  console.log(
    `Idle: ${memory} MiB resident, ${wakeUps.toFixed(1)} wake-ups a second over all threads.`,
  );
} finally {
  await net.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
}
