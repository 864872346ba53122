import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../support/command.ts";
import { createNetns, type Guest } from "../support/netns.ts";
import { Postgres } from "../support/postgres.ts";
import { type Asked, limitOf, type Load, load, relayAgents } from "./lease-load.ts";
import { kea, ours, type Peer } from "./lease-servers.ts";
import { median, table } from "./tftp-peers.ts";

/*
 * Exchanges of four packets with durable leases, asked by perfdhcp through a virtual cable, by turns of this
 * server and of Kea (as root; packages kea-admin and kea-dhcp4-server, and postgresql for the second one):
 *   npx tsx test/bench/leases.ts            our journal, which is synced, beside Kea's memfile, which is written and not synced;
 *                                           the server on one core, three perfdhcp on another one
 *   npx tsx test/bench/leases.ts busy       the same beside four processes that never rest
 *   npx tsx test/bench/leases.ts without-koffi   this server without koffi, beside Kea
 *   npx tsx test/bench/leases.ts postgres   both in PostgreSQL, each in a database of its own of the same cluster, on the
 *                                           disk, whose commits both wait for; Kea as it comes, and with eight threads;
 *                                           all of them, and one perfdhcp, wherever the kernel puts them
 * Two numbers behind that are runs and seconds. Each rate runs for some seconds with 20,000 machines; the figure is the highest
 * rate at which less than one in a hundred of either exchange is lost.
 */

const words = process.argv.slice(2);
const isPostgres = words.includes("postgres");
const hasKoffi = !words.includes("without-koffi");
const ownName = hasKoffi ? "eim-pxe" : "eim-pxe without koffi";
const [runs = 2, seconds = 4] = words.filter((word) => /^\d+$/.test(word)).map(Number);
const machines = 20_000;
const ladder = isPostgres
  ? [100, 200, 300, 400, 500, 700, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000]
  : [3000, 5000, 6000, 7000, 8000, 9000, 10_000, 11_000, 12_000, 14_000, 16_000, 18_000];
/** At which it is told what an exchange costs. */
const told = isPostgres ? [] : [2000, 4000, 8000];
/** For memory, and for how long an answer takes. */
const steady = isPostgres
  ? { perSecond: 200, machines: 2000 }
  : { perSecond: 1000, machines: 10_000 };
/** A server that has run for some seconds has compiled what it needs; what comes before that is no figure. */
const warmUp: Asked | null = isPostgres ? null : { perSecond: 3000, seconds: 8, machines };
const mostLossPercent = 1;

const net = createNetns();
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-"));
const program = await Program.build({ optional: hasKoffi });
const [server, client] = [net.host("server"), net.host("client")];
const cores = isPostgres ? { core: null, serverCore: null } : { core: 1, serverCore: 0 };
const generators = { net, host: client, processes: isPostgres ? 1 : 3, ...cores };
const from = relayAgents(generators.processes).map((address) => `${address}/16`);
net.cable(
  { host: server, device: "eth0", addresses: ["10.9.0.1/16"] },
  { host: client, device: "eth0", addresses: from },
);

interface Figures {
  /** The highest rate that was held. */
  readonly most: number;
  /** Who kept it from a higher one. */
  readonly limit: string;
  /** By the rates of `told`. */
  readonly at: ReadonlyMap<number, Load>;
  readonly p99: number;
}

function residentMegabytes({ pid }: Guest): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

async function measure(peer: Peer): Promise<Figures> {
  const guest = peer.start();
  const ask = (asked: Asked) => load(generators, guest, asked);
  await sleep(2500);
  const before = residentMegabytes(guest);
  // Some thousand machines, each once.
  const { perSecond } = steady;
  await ask({ ...steady, seconds: steady.machines / perSecond + 1 });
  const after = residentMegabytes(guest);
  if (warmUp !== null) await ask(warmUp);
  const { lossPercent, millisecondsOf } = await ask({ perSecond, seconds, machines, times: true });
  const share = (of: number) =>
    millisecondsOf[Math.floor(millisecondsOf.length * of)] ?? Number.NaN;
  const at = new Map<number, Load>();
  for (const rate of told) at.set(rate, await ask({ perSecond: rate, seconds, machines }));
  let [most, limit] = [0, "nobody: the ladder ends there"];
  let failed = 0;
  let grouped = "";
  for (const rate of ladder) {
    const committed = peer.commits();
    const result = await ask({ perSecond: rate, seconds, machines });
    const held = result.lossPercent < mostLossPercent;
    if (held && result.perSecond > most) {
      most = result.perSecond;
      grouped = await groupsOf(peer, committed, most * seconds);
    }
    if (!held && failed === 0) limit = limitOf(result);
    failed = held ? 0 : failed + 1;
    if (failed === 2) break;
  }
  // What it complained of says why a figure is low.
  const said = new Set(guest.written().match(/"event":"[a-z-]+"|^.*(?:ERROR|FATAL).*$/gm));
  for (const usual of ["listening", "not-ready", "root-kept"]) said.delete(`"event":"${usual}"`);
  if (said.size > 0) process.stdout.write(`${[...said].slice(0, 8).join(" ")}\n`);
  await guest.stop("SIGKILL");
  process.stdout.write(
    `${peer.name}: ${Math.round(most)} exchanges a second with less than ${mostLossPercent} % lost${grouped}` +
      `${isPostgres ? "" : `, the limit: ${limit}`}; at ${perSecond}: ${lossPercent.toFixed(2)} % lost, ` +
      `p50 ${share(0.5).toFixed(1)} ms, p99 ${share(0.99).toFixed(1)} ms; memory ${before.toFixed(0)} MiB, with ` +
      `${steady.machines} leases ${after.toFixed(0)} MiB\n`,
  );
  return { most, limit, at, p99: share(0.99) };
}

/** How many exchanges were one commit, for people. */
async function groupsOf(peer: Peer, before: number | null, exchanges: number): Promise<string> {
  if (before === null) return "";
  // A backend of PostgreSQL tells of its transactions once a second.
  await sleep(1500);
  const commits = (peer.commits() ?? before) - before;
  return `, ${(exchanges / Math.max(1, commits)).toFixed(1)} to a commit`;
}

/** Medians of all runs, ours beside Kea's; whatever else is behind a figure is of its last run. */
function compared(own: readonly Figures[], other: readonly Figures[]): string {
  const row = (name: string, of: (figures: Figures) => number, digits = 0): readonly string[] => {
    const [a, b] = [median(own.map(of)), median(other.map(of))];
    return [name, a.toFixed(digits), b.toFixed(digits), (a / b).toFixed(2)];
  };
  const costs = told.map((rate): readonly string[] => {
    const cells = row(`${rate} a second: processor, µs each`, ({ at }) => costAt(at, rate));
    const lost = [own, other].map((all) => median(all.map(({ at }) => lossAt(at, rate))));
    const limits = [own, other].map((all) => {
      const last = all.at(-1)?.at.get(rate);
      return last === undefined || last.lossPercent < mostLossPercent ? "" : `, ${limitOf(last)}`;
    });
    const shown = cells.map((cell, n) =>
      n === 1 || n === 2 ? `${cell} (${lost[n - 1]?.toFixed(1)} % lost${limits[n - 1]})` : cell,
    );
    return shown;
  });
  const most = row("exchanges a second, less than 1 % lost", (figures) => figures.most);
  const limits = [own, other].map((all) => all.at(-1)?.limit ?? "");
  return table([
    ["", ownName, "Kea", "ratio"],
    ...costs,
    most,
    ["the limit of that", ...limits, ""],
    row(`${steady.perSecond} a second: p99, ms`, ({ p99 }) => p99, 1),
  ]);
}

function costAt(at: ReadonlyMap<number, Load>, rate: number): number {
  return at.get(rate)?.microsecondsEach ?? Number.NaN;
}

function lossAt(at: ReadonlyMap<number, Load>, rate: number): number {
  return at.get(rate)?.lossPercent ?? Number.NaN;
}

/** Processes that never rest. */
function busy(count: number): readonly ChildProcess[] {
  return Array.from({ length: count }, () => spawn(process.execPath, ["-e", "for (;;);"]));
}

const parts = { net, host: server, folder, entry: program.entry, core: cores.serverCore };
const postgres = isPostgres ? await Postgres.open({ durable: true }) : null;
const own = { ...ours(parts, postgres), ...(hasKoffi ? {} : { name: ownName }) };
const others = [null, ...(isPostgres ? [8] : [])].map((threads) =>
  kea(parts, { postgres, threads }),
);
const disturbers = words.includes("busy") ? busy(4) : [];
try {
  const ratios: number[] = [];
  const all: { own: Figures[]; other: Figures[] } = { own: [], other: [] };
  for (let run = 0; run < runs; run++) {
    const reached = await measure(own);
    const best: Figures[] = [];
    for (const other of others) best.push(await measure(other));
    ratios.push(reached.most / Math.max(...best.map(({ most }) => most)));
    all.own.push(reached);
    all.other.push(...best);
  }
  const shown = ratios.map((ratio) => ratio.toFixed(2)).join(", ");
  process.stdout.write(`ours to Kea's${isPostgres ? " better one" : ""}: ${shown}\n`);
  if (!isPostgres) {
    const load1 = loadavg()[0]?.toFixed(1);
    const machine = `load ${load1} on ${cpus().length} cores, server on one, perfdhcp on another`;
    process.stdout.write(`\n${compared(all.own, all.other)}\n${machine}\n`);
  }
} finally {
  for (const one of disturbers) one.kill("SIGKILL");
  await net.close();
  await postgres?.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
}
