import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../support/command.ts";
import { createNetns, type Guest } from "../support/netns.ts";
import { cpuSeconds, median, table } from "./tftp-peers.ts";

/*
 * Offers of a boot file beside another server's addresses (proxy DHCP): this server and dnsmasq by turns, each asked the same broadcast
 * DHCPDISCOVERs through a virtual cable (as root; package dnsmasq-base):
 *   npx tsx test/bench/proxy-offers.ts
 * A number behind that is how many runs, a second one for how many seconds each. The server has one core and its clients
 * another one. First as many offers as can be had with 64 requests under way, then 1,000 requests a second. The machines are in our nodes
 * file: of unknown ones a server of mode proxy answers 1,024 a second. The time is the server's, its processes and the kernel's part.
 */

const [runs = 3, seconds = 4] = process.argv.slice(2).map(Number);
const machines = 4096;
const underWay = 64;
const rate = 1000;

interface Answers {
  readonly answered: number;
  readonly lost: number;
  readonly elapsedMs: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

interface Figures {
  readonly perSecond: number;
  readonly lost: number;
  /** Of its core, while as many as can be had are asked for. */
  readonly busy: number;
  readonly microsecondsEach: number;
  readonly p50: number;
  readonly p99: number;
  readonly lostAtRate: number;
}

const net = createNetns();
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-"));
const program = await Program.build();
const [server, client] = [net.host("server"), net.host("client")];
net.cable(
  { host: server, device: "eth0", addresses: ["10.9.0.1/16"] },
  { host: client, device: "eth0", addresses: [] },
);
net.ip(client, "route", "add", "255.255.255.255/32", "dev", "eth0");

function ours(): Guest {
  const config = join(folder, "eim-pxe.yaml");
  const nodes = Array.from({ length: machines }, (_, n) => {
    const last = n.toString(16).padStart(4, "0");
    return `- { mac: "02:00:00:00:${last.slice(0, 2)}:${last.slice(2)}" }\n`;
  });
  writeFileSync(join(folder, "nodes.yaml"), nodes.join(""));
  const text = `
dataDir: ${join(folder, "data")}
interfaces: [{ name: eth0, dhcp: { mode: proxy } }]
nodes: { file: ${join(folder, "nodes.yaml")} }
log: { level: warn }
`;
  writeFileSync(config, text);
  return pinned(process.execPath, program.entry, "serve", "--config", config);
}

function dnsmasq(): Guest {
  return pinned(
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    `--pid-file=${join(folder, "dnsmasq.pid")}`,
    "--user=root",
    "--port=0",
    "--quiet-dhcp",
    "--log-facility=/dev/null",
    "--interface=eth0",
    "--dhcp-range=10.9.0.1,proxy",
    "--pxe-service=X86-64_EFI,loader,ipxe.efi",
    "--pxe-service=BC_EFI,loader,ipxe.efi",
  );
}

function pinned(...words: readonly string[]): Guest {
  return net.spawn(server, "taskset", "-c", "0", ...words);
}

async function ask(how: "under-way" | "rate", count: number): Promise<Answers> {
  const file = new URL("guests/proxy-asking.ts", import.meta.url).pathname;
  const node = [process.execPath, "--import", "tsx", file];
  const words = [how, count, seconds, machines].map(String);
  const guest = net.spawn(client, "taskset", "-c", "1", ...node, ...words);
  const told: Readonly<Record<string, unknown>> = Object(await guest.next());
  await guest.ended();
  const number = (key: string) => Number(told[key] ?? Number.NaN);
  const [p50, p99] = [number("p50"), number("p99")];
  return {
    answered: number("answered"),
    lost: number("lost"),
    elapsedMs: number("elapsedMs"),
    p50,
    p99,
  };
}

async function measure(start: () => Guest): Promise<Figures> {
  const guest = start();
  await sleep(3000);
  // What runs for the first time is compiled first.
  await ask("under-way", underWay);
  const before = cpuSeconds(guest.pid);
  const most = await ask("under-way", underWay);
  const used = cpuSeconds(guest.pid) - before;
  const paced = await ask("rate", rate);
  await guest.stop("SIGKILL");
  if (most.answered === 0) throw new Error(`nothing was answered: ${guest.written()}`);
  return {
    perSecond: (most.answered / most.elapsedMs) * 1000,
    lost: most.lost,
    busy: (used / most.elapsedMs) * 1000,
    microsecondsEach: (used * 1e6) / most.answered,
    p50: paced.p50 ?? Number.NaN,
    p99: paced.p99 ?? Number.NaN,
    lostAtRate: paced.lost,
  };
}

const results: { own: Figures[]; other: Figures[] } = { own: [], other: [] };
try {
  for (let run = 0; run < runs; run++) {
    results.own.push(await measure(ours));
    results.other.push(await measure(dnsmasq));
  }
  const row = (name: string, of: (figures: Figures) => number, digits = 0): readonly string[] => {
    const [a, b] = [median(results.own.map(of)), median(results.other.map(of))];
    return [name, a.toFixed(digits), b.toFixed(digits), (a / b).toFixed(2)];
  };
  const busy = [results.own, results.other].map(
    (all) => `${(median(all.map((one) => one.busy)) * 100).toFixed(0)} %`,
  );
  const lost = [results.own, results.other].map((all) =>
    all.map((one) => `${one.lost} and ${one.lostAtRate}`).join("; "),
  );
  process.stdout.write(
    table([
      ["", "eim-pxe", "dnsmasq", "ratio"],
      row(`offers a second, ${underWay} under way`, ({ perSecond }) => perSecond),
      row("processor, µs each", ({ microsecondsEach }) => microsecondsEach, 1),
      ["of its core (100 %: the server was the limit)", ...busy, ""],
      row(`${rate} a second: p50, ms`, ({ p50 }) => p50, 2),
      row(`${rate} a second: p99, ms`, ({ p99 }) => p99, 2),
      ["lost, then and at that rate, by runs", ...lost, ""],
    ]),
  );
  const load = loadavg()[0]?.toFixed(1);
  process.stdout.write(
    `load ${load} on ${cpus().length} cores, server on one, clients on another\n`,
  );
} finally {
  await net.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
}
