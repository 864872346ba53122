import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { reasonToSkip } from "../support/tools.ts";

/* A hundred thousand strangers, and the machine that is waited for. */

const missing = reasonToSkip({ tools: ["busybox"], root: true }) ?? netnsMissing();
const flood = new URL("guests/flood.ts", import.meta.url);
const mac = "52:54:00:00:00:0a";
const FLOOD = 100_000;

let net: Netns;
let folder = "";
let program: Program;
beforeAll(async () => {
  if (missing !== null) return;
  net = createNetns();
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-flood-"));
  program = await Program.build();
}, 60_000);
afterAll(async () => {
  if (missing !== null) return;
  await net.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Resident memory of the process that was started with this file as an argument. */
function residentMegabytes(argument: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [command = "", ...rest] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (!command.endsWith("node") || !rest.includes(argument)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return Number.NaN;
}

describe.skipIf(missing !== null)(`a flood${missing ? ` (${missing})` : ""}`, () => {
  test("of 100,000 strangers neither fills the memory nor keeps a known machine from its address", async () => {
    const host = net.host("server");
    net.ip(host, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    net.ip(host, "addr", "add", "10.8.0.1/16", "brd", "+", "dev", "br0");
    net.ip(host, "link", "set", "br0", "up");
    const [attacker, machine] = ["attacker", "machine"].map((role, n) => {
      const far = net.host(role);
      const addresses = role === "attacker" ? ["10.8.0.2/16"] : [];
      const here = { host, device: `v${n}`, addresses: [] };
      net.cable(here, { host: far, device: "eth0", addresses });
      net.ip(host, "link", "set", `v${n}`, "master", "br0");
      return far;
    });
    net.ip(machine ?? "", "link", "set", "eth0", "address", mac);
    const nodes = join(folder, "nodes.yaml");
    writeFileSync(nodes, `- { mac: "${mac}", name: expected }\n`);
    const config = join(folder, "eim-pxe.yaml");
    // A pool that is larger than the flood: nothing but the server's own limits bounds what it keeps.
    const text = `
dataDir: ${join(folder, "data")}
interfaces: [{ name: br0, dhcp: { mode: full, pools: [10.8.1.0-10.8.255.254] } }]
dhcp: { allowOtherServers: true }
nodes: { file: ${nodes} }
tftp: { enabled: false }
`;
    writeFileSync(config, text);
    const serving = net.spawn(host, process.execPath, program.entry, "serve", "--config", config);
    const until = async (guest: Guest, event: string): Promise<Record<string, unknown>> => {
      for (;;) {
        const told: Record<string, unknown> = Object(await guest.next());
        if (told["event"] === event) return told;
      }
    };
    await until(serving, "listening");
    const before = residentMegabytes(config);

    const attack = net.run(attacker ?? "", flood, "eth0", "10.8.0.2", String(FLOOD));
    await until(attack, "begun");
    const client = [
      "udhcpc",
      "-f",
      "-q",
      "-n",
      "-i",
      "eth0",
      "-s",
      "/bin/true",
      "-T",
      "1",
      "-t",
      "30",
    ];
    const booting = net.spawn(machine ?? "", "busybox", ...client).ended();
    const first = await Promise.race([
      booting.then(({ output }) => output),
      until(attack, "sent").then(() => "the flood was over first"),
    ]);
    expect(first).toMatch(/lease of 10\.8\.\d+\.\d+ obtained from 10\.8\.0\.1/);
    await attack.ended();
    expect(await until(serving, "dhcp-flood")).toMatchObject({
      interface: "br0",
      reason: "too many strangers ask",
    });
    const after = residentMegabytes(config);
    expect(after).toBeLessThan(before + 100);
    const journal = readFileSync(join(folder, "data", "leases.journal"), "utf8");
    expect(journal.trim().split("\n")).toHaveLength(1);
  }, 100_000);
});
