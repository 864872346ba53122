import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../support/command.ts";
import { createNetns, type Guest } from "../support/netns.ts";

/*
 * Exchanges of four packets with durable leases, asked by perfdhcp through a virtual cable, by turns of this
 * server and of Kea with its memfile (as root; packages kea-admin and kea-dhcp4-server):
 *   npx tsx test/bench/leases.ts
 * Each rate runs for some seconds with 20,000 machines; the figure is the highest rate at which less than one
 * in a hundred of either exchange is lost. Kea's memfile is written and not synced; ours is both.
 */

const runs = 2;
const seconds = 4;
const machines = 20_000;
const rates = [1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000];
const mostLossPercent = 1;

const net = createNetns();
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-"));
const program = await Program.build();
const [server, client] = [net.host("server"), net.host("client")];
net.cable(
  { host: server, device: "eth0", addresses: ["10.9.0.1/16"] },
  { host: client, device: "eth0", addresses: ["10.9.0.2/16"] },
);

interface Peer {
  readonly name: string;
  /** The word in the command line by which its process is found. */
  readonly mark: string;
  start(): Guest;
}

let started = 0;
const ours: Peer = {
  name: "eim-pxe",
  mark: join(folder, "eim-pxe.yaml"),
  start() {
    started += 1;
    const text = `
dataDir: ${join(folder, `data-${started}`)}
interfaces: [{ name: eth0, dhcp: { mode: full, pools: [10.9.1.0-10.9.240.255] } }]
dhcp: { allowOtherServers: true }
tftp: { enabled: false }
log: { level: warn }
`;
    writeFileSync(this.mark, text);
    return net.spawn(server, process.execPath, program.entry, "serve", "--config", this.mark);
  },
};
const kea: Peer = {
  name: "Kea 2.2",
  mark: join(folder, "kea.json"),
  start() {
    started += 1;
    const at = join(folder, `kea-${started}`);
    mkdirSync(at);
    const lease = {
      type: "memfile",
      persist: true,
      name: join(at, "leases.csv"),
      "lfc-interval": 0,
    };
    const logger = { name: "kea-dhcp4", severity: "ERROR", output_options: [{ output: "stderr" }] };
    const text = {
      Dhcp4: {
        "interfaces-config": { interfaces: ["eth0"], "dhcp-socket-type": "udp" },
        "lease-database": lease,
        "valid-lifetime": 3600,
        subnet4: [{ subnet: "10.9.0.0/16", pools: [{ pool: "10.9.1.0 - 10.9.240.255" }] }],
        loggers: [logger],
      },
    };
    writeFileSync(this.mark, JSON.stringify(text));
    const places = [`KEA_LOCKFILE_DIR=${at}`, `KEA_PIDFILE_DIR=${at}`];
    return net.spawn(server, "env", ...places, "kea-dhcp4", "-c", this.mark);
  },
};

interface Load {
  readonly perSecond: number;
  readonly lossPercent: number;
  readonly millisecondsOf: readonly number[];
}

async function load(rate: number, forSeconds: number, of: number, times = false): Promise<Load> {
  const how = [
    "-4",
    "-r",
    `${rate}`,
    "-R",
    `${of}`,
    "-p",
    `${forSeconds}`,
    ...(times ? ["-x", "t"] : []),
  ];
  const guest = net.spawn(client, "perfdhcp", ...how, "-l", "10.9.0.2", "10.9.0.1");
  const { output } = await guest.ended();
  const losses = [...output.matchAll(/drops ratio: ([\d.]+) %/g)].map((found) => Number(found[1]));
  const perSecond = Number(/^Rate: ([\d.]+)/m.exec(output)?.[1]);
  const stamps = output.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)$/gm);
  const millisecondsOf = [...stamps]
    .map(([, sent, received]) => (Number(received) - Number(sent)) * 1000)
    .toSorted((a, b) => a - b);
  return { perSecond, lossPercent: Math.max(...losses), millisecondsOf };
}

function residentMegabytes(mark: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [command = "", ...rest] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (/(^|\/)(ip|env)$/.test(command) || !rest.includes(mark)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return Number.NaN;
}

async function measure(peer: Peer): Promise<number> {
  const guest = peer.start();
  await sleep(2500);
  const before = residentMegabytes(peer.mark);
  // Ten thousand machines, each once, which is the warming up as well.
  await load(1000, 11, 10_000);
  const after = residentMegabytes(peer.mark);
  const { lossPercent, millisecondsOf } = await load(1000, seconds, machines, true);
  const at = (share: number) =>
    (millisecondsOf[Math.floor(millisecondsOf.length * share)] ?? Number.NaN).toFixed(1);
  let most = 0;
  let failed = 0;
  for (const rate of rates) {
    const result = await load(rate, seconds, machines);
    const held = result.lossPercent < mostLossPercent;
    if (held) most = Math.max(most, result.perSecond);
    failed = held ? 0 : failed + 1;
    if (failed === 2) break;
  }
  await guest.stop("SIGKILL");
  process.stdout.write(
    `${peer.name}: ${Math.round(most)} exchanges a second with less than ${mostLossPercent} % lost; at 1,000: ` +
      `${lossPercent} % lost, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; memory ${before.toFixed(0)} MiB, with 10,000 ` +
      `leases ${after.toFixed(0)} MiB\n`,
  );
  return most;
}

try {
  const ratios: number[] = [];
  for (let run = 0; run < runs; run++) {
    const [own, other] = [await measure(ours), await measure(kea)];
    ratios.push(own / other);
  }
  const shown = ratios.map((ratio) => ratio.toFixed(2)).join(", ");
  process.stdout.write(`ours to Kea's: ${shown}\n`);
} finally {
  await net.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
}
