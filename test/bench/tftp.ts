import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { equalBytes } from "../../src/lib/bytes.ts";
import { LossyLink } from "../support/lossy-link.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { atftp, curl } from "../support/tftp-programs.ts";
import {
  bareSender,
  cpuSeconds,
  dnsmasq,
  median,
  ours,
  peakMebibytes,
  type RunningServer,
  type ServerKind,
  serverKinds,
  table,
} from "./tftp-peers.ts";

/*
 * TFTP beside its peers, in one run on loopback, whole files:
 *   ATFTPD=… npx tsx test/bench/tftp.ts
 * Parts: one-core, core-each and two-cores (throughput), delay, crowd. Name some to run only those. Medians of 5, or of as many
 * as a number says.
 */

const MIB = 1024 * 1024;
const words = process.argv.slice(2);
const [rounds = 5] = words.filter((word) => /^\d+$/.test(word)).map(Number);
// In memory, so that no disk is measured.
const folder = mkdtempSync("/dev/shm/eim-pxe-bench-");
const run = promisify(execFile);

function makeFile(mebibytes: number): string {
  const name = `${mebibytes}m.efi`;
  const piece = randomBytes(randomNumbers(mebibytes), MIB);
  writeFileSync(join(folder, name), Buffer.concat(Array.from({ length: mebibytes }, () => piece)));
  return name;
}

interface Cell {
  readonly blksize: number;
  readonly windowsize: number;
  readonly mebibytes: number;
}

const cells: readonly Cell[] = [
  { blksize: 512, windowsize: 1, mebibytes: 16 },
  { blksize: 1468, windowsize: 1, mebibytes: 32 },
  { blksize: 1468, windowsize: 4, mebibytes: 32 },
  { blksize: 1468, windowsize: 16, mebibytes: 64 },
  { blksize: 65464, windowsize: 1, mebibytes: 256 },
];

interface Figures {
  readonly megabytesPerSecond: number;
  readonly cpuSecondsPerGibibyte: number;
}

const nothing: Figures = { megabytesPerSecond: Number.NaN, cpuSecondsPerGibibyte: Number.NaN };

/** Downloads once by a client in C, on the first core; checks what came. */
async function measure(server: RunningServer, cell: Cell): Promise<Figures> {
  const { blksize, windowsize, mebibytes } = cell;
  const remote = `${mebibytes}m.efi`;
  const local = join(folder, "fetched");
  const program = windowsize === 1 ? curl : atftp;
  const before = cpuSeconds(server.pid);
  const startMs = performance.now();
  await program.fetch({ server: server.endpoint, remote, local, blksize, windowsize });
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = cpuSeconds(server.pid) - before;
  const whole = equalBytes(readFileSync(local), readFileSync(join(folder, remote)));
  rmSync(local);
  if (!whole) throw new Error(`${server.name} sent ${remote} wrongly`);
  return {
    megabytesPerSecond: (mebibytes * MIB) / 1e6 / seconds,
    cpuSecondsPerGibibyte: (cpu * 1024) / mebibytes,
  };
}

async function throughput(kinds: readonly ServerKind[], core: number | null): Promise<string> {
  const servers: RunningServer[] = [];
  for (const kind of kinds) servers.push(await kind.start(folder, core));
  const rows: string[][] = [];
  for (const cell of cells) {
    const { blksize, windowsize } = cell;
    const all: Figures[][] = kinds.map(() => []);
    // In turn, so that a busy moment of the machine hits all of them.
    for (let round = 0; round < rounds; round++) {
      for (const [i, server] of servers.entries()) {
        const clamped = blksize === 65464 && server.name === dnsmasq.name;
        const refused = windowsize > 1 && kinds[i]?.windows !== true;
        all[i]?.push(clamped || refused ? nothing : await measure(server, cell));
      }
    }
    const told = all.map((figures) => {
      const speed = median(figures.map(({ megabytesPerSecond }) => megabytesPerSecond));
      const cpu = median(figures.map(({ cpuSecondsPerGibibyte }) => cpuSecondsPerGibibyte));
      if (Number.isNaN(speed)) return "refused";
      // tftpd-hpa has a process for each transfer, which is not its child in the end.
      return cpu > 0 ? `${speed.toFixed(1)} (${cpu.toFixed(1)})` : speed.toFixed(1);
    });
    rows.push([`${blksize} / ${windowsize}`, ...told]);
  }
  for (const server of servers) await server.stop();
  return table([["blksize / windowsize", ...kinds.map(({ name }) => name)], ...rows]);
}

async function delay(): Promise<string> {
  const server = await ours.start(folder, null);
  const rows: string[][] = [];
  for (const windowsize of [1, 4, 16, 64]) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const link = await LossyLink.open(server.endpoint, { seed: 1, delayMs: 2 });
      const local = join(folder, "fetched");
      const startMs = performance.now();
      const at = { server: link.endpoint, remote: "1m.efi", local };
      await atftp.fetch({ ...at, blksize: 1468, windowsize });
      times.push(performance.now() - startMs);
      await link.close();
    }
    rows.push([String(windowsize), (median(times) / 1000).toFixed(2)]);
  }
  await server.stop();
  return table([["windowsize", "seconds for 1 MiB"], ...rows]);
}

/** How often what happened, over all of these. */
function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [what, times] of all.flatMap((one) => Object.entries(one))) {
    sums[what] = (sums[what] ?? 0) + times;
  }
  return sums;
}

async function crowd(kinds: readonly ServerKind[]): Promise<string> {
  const edk2 = "tsize=0,blksize=1468,windowsize=4";
  const rows: string[][] = [];
  const causes: string[] = [];
  for (const [count, options] of [
    [200, "blksize=1468"],
    [200, edk2],
    [1000, edk2],
  ] as const) {
    for (const kind of kinds) {
      const server = await kind.start(folder, 0);
      const { address, port } = server.endpoint;
      const program = ["-c", "1", process.execPath, "--import", "tsx"];
      const guest = ["test/bench/guests/tftp-clients.ts", address, String(port), "1m.efi"];
      const results: { elapsedMs: number; failures: Record<string, number>; repeats: number }[] =
        [];
      for (let round = 0; round < rounds; round++) {
        const load = [...program, ...guest, join(folder, "1m.efi"), String(count), options];
        results.push(JSON.parse((await run("taskset", load)).stdout));
      }
      const failures = summed(results.map((result) => result.failures));
      const failed = Object.values(failures).reduce((sum, times) => sum + times, 0);
      const repeats = results.reduce((sum, result) => sum + result.repeats, 0);
      const seconds = median(results.map(({ elapsedMs }) => elapsedMs)) / 1000;
      const memory = `${peakMebibytes(server.pid)} MiB`;
      const figures = [seconds.toFixed(2), String(failed), String(repeats), memory];
      rows.push([String(count), options, kind.name, ...figures]);
      if (failed > 0) causes.push(`${count} ${kind.name}, clients: ${JSON.stringify(failures)}`);
      const said = await server.stop();
      if (said !== null) causes.push(`${count} ${kind.name}, server: ${said}`);
    }
  }
  const head = ["clients", "asked for", "server", "seconds", "failed", "repeats", "memory"];
  return `${table([head, ...rows])}\n${causes.join("\n")}\n`;
}

const parts = new Set(words.filter((word) => !/^\d+$/.test(word)));
const wanted = (part: string) => parts.size === 0 || parts.has(part);
const say = (text: string) => process.stdout.write(`${text}\n`);
const kinds = serverKinds.filter(({ there }) => there);
for (const mebibytes of [1, 16, 32, 64, 256]) makeFile(mebibytes);
try {
  // Every client inherits this process's core.
  await run("taskset", ["-apc", "0", String(process.pid)]);
  if (wanted("one-core")) {
    say(`MB/s (CPU seconds of the server per GiB), server and client on one core\n`);
    say(await throughput([...kinds, bareSender], 0));
  }
  if (wanted("core-each")) {
    say(`MB/s (CPU seconds of the server per GiB), server and client on a core each\n`);
    say(await throughput([...kinds, bareSender], 1));
  }
  await run("taskset", ["-apc", "0,1", String(process.pid)]);
  if (wanted("two-cores")) {
    say(
      `MB/s (CPU seconds of the server per GiB), server and client on two cores, wherever the kernel puts them\n`,
    );
    say(await throughput([...kinds, bareSender], null));
  }
  if (wanted("delay")) {
    say(`eim-pxe over a link with 2 ms of delay in each direction, atftp\n`);
    say(await delay());
  }
  if (wanted("crowd")) {
    say(`clients at once, 1 MiB each\n`);
    say(
      await crowd(kinds.filter(({ name }) => name.startsWith(ours.name) || name === dnsmasq.name)),
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
