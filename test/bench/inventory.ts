/**
 * How long a reload of the inventory keeps the event loop from everything else, and what it takes of memory:
 *   npx tsx --expose-gc test/bench/inventory.ts [ENTRIES]
 * A table in Markdown. For each source the longest pause of the event loop while it is read and taken into force, of
 * three reloads beside a server's timers, with the time of the whole.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseConfig } from "../../src/config/load.ts";
import { clusterAccess } from "../../src/daemon/kubernetes/cluster-access.ts";
import { ClusterNodes } from "../../src/daemon/nodes/cluster-nodes.ts";
import { reloadInventory } from "../../src/daemon/settings/reload.ts";
import { createInventory, type Inventory } from "../../src/nodes/inventory.ts";
import { NodeRegister } from "../../src/nodes/node-register.ts";
import { csvFile, eimFile, hardwareFile } from "./inventory-files.ts";

const entries = Number(process.argv[2] ?? 10_000);
const times = 3;
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-inventory-"));
const register = new NodeRegister(createInventory([]));

interface Figures {
  readonly longestMs: number;
  readonly wholeMs: number;
}

/** Of one reload. */
async function measured(load: () => Promise<Inventory>): Promise<Figures> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const from = performance.now();
  delay.enable();
  const inventory = await load();
  register.use(inventory);
  // The timer of the histogram is to see the last turn, too.
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.disable();
  if (inventory.entries.length !== entries) {
    throw new Error(`${inventory.entries.length} entries were read, not ${entries}`);
  }
  return { longestMs: delay.max / 1e6, wholeMs: performance.now() - from - 20 };
}

function memory(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function configOf(nodes: object) {
  return parseConfig(JSON.stringify({ dataDir: folder, nodes }), null);
}

function fromFile(format: string, text: string): () => Promise<Inventory> {
  const file = join(folder, format);
  writeFileSync(file, text);
  const config = configOf({ file, format });
  return () => reloadInventory(config);
}

async function fromCluster(): Promise<{ load: () => Promise<Inventory>; stop: () => void }> {
  const guest = spawn(
    process.execPath,
    ["--import", "tsx", new URL("./guests/cluster.ts", import.meta.url).pathname, String(entries)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [url] = await once(guest.stdout, "data");
  const kubeconfig = join(folder, "kubeconfig");
  const cluster = { server: String(url).trim() };
  const config = {
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "tink" } }],
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: {} }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const named = { neededBy: "the bench", kubeconfigKey: "none", kubeconfig, namespace: "tink" };
  const access = clusterAccess(named, {});
  return {
    stop: () => guest.kill(),
    load: async () => {
      const nodes = new ClusterNodes({ access, dataDir: folder });
      const inventory = await new Promise<Inventory>((resolve) => {
        nodes.follow({ use: resolve, emit: () => {} });
      });
      // It is written to the disk after that.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await nodes.stop();
      return inventory;
    },
  };
}

const cluster = await fromCluster();
const sources: readonly (readonly [string, () => Promise<Inventory>])[] = [
  ["nodes file", fromFile("eim", eimFile(entries))],
  ["Hardware file", fromFile("tinkerbell", hardwareFile(entries))],
  ["orchestrator's CSV", fromFile("orchestrator-csv", csvFile(entries))],
  ["Kubernetes, listed", cluster.load],
];
process.stdout.write(`load of the machine at the start: ${loadavg()[0]?.toFixed(1) ?? "?"}\n\n`);
process.stdout.write(
  "| source | longest pause, ms | the whole, s | kept, MiB |\n|---|---|---|---|\n",
);
for (const [name, load] of sources) {
  register.use(createInventory([]));
  const before = memory();
  const figures: Figures[] = [];
  for (let time = 0; time < times; time += 1) figures.push(await measured(load));
  const kept = (memory() - before) / 2 ** 20;
  const pauses = figures.map(({ longestMs }) => longestMs.toFixed(0)).join(", ");
  const seconds = figures.map(({ wholeMs }) => (wholeMs / 1000).toFixed(1)).join(", ");
  process.stdout.write(`| ${name} | ${pauses} | ${seconds} | ${kept.toFixed(1)} |\n`);
}
cluster.stop();
rmSync(folder, { recursive: true, force: true });
