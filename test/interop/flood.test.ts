import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sync } from "../../src/commands/sync.ts";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { FakeProgram } from "../support/program.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* A hundred thousand strangers, and the machine that is waited for. */

const missing = reasonToSkip({ tools: ["busybox"], root: true }) ?? netnsMissing();
const flood = new URL("guests/flood.ts", import.meta.url);
const bootClient = new URL("guests/boot-client.ts", import.meta.url);
const mac = "52:54:00:00:00:0a";
/** Reserved for it, and what it has to ask from. */
const known = "10.9.0.10";
const own = "10.9.0.11";
const FLOOD = 100_000;

let net: Netns;
let files: ServedSite;
let program: Program;
beforeAll(async () => {
  if (missing !== null) return;
  net = createNetns();
  [files, program] = await Promise.all([ServedSite.open(), Program.build()]);
  // The mirror is filled from here; the server's own host cannot reach the orchestrator.
  await sync(new FakeProgram(), { config: files.configuration(), json: true });
});
afterAll(async () => {
  if (missing !== null) return;
  await net.close();
  await Promise.all([files.close(), program.remove()]);
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
  test("of 100,000 strangers neither fills the memory nor keeps a known machine from booting", async () => {
    const [host, attacker, machine] = ["server", "attacker", "machine"].map((role) =>
      net.host(role),
    );
    // On links of their own: a client drowns in the broadcasts of its neighbours whatever the server does.
    net.cable(
      { host: host ?? "", device: "eth1", addresses: ["10.8.0.1/16"] },
      { host: attacker ?? "", device: "eth0", addresses: ["10.8.0.2/16"] },
    );
    net.cable(
      { host: host ?? "", device: "eth2", addresses: ["10.9.0.1/16"] },
      { host: machine ?? "", device: "eth0", addresses: [`${own}/16`] },
    );
    net.ip(machine ?? "", "link", "set", "eth0", "address", mac);
    files.write("nodes.yaml", `- { mac: "${mac}", name: expected, address: ${known} }\n`);
    // Pools that are larger than the flood: nothing but the server's own limits bounds what it keeps.
    const text = `
dataDir: data
interfaces:
  - { name: eth1, dhcp: { mode: full, pools: [10.8.1.0-10.8.255.254, 10.8.0.100-10.8.0.200] } }
  - { name: eth2, dhcp: { mode: full, pools: [10.9.1.0-10.9.255.254] } }
dhcp: { allowOtherServers: true }
nodes: { file: nodes.yaml }
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
`;
    const config = files.write("flood.yaml", text);
    const serving = net.spawn(
      host ?? "",
      process.execPath,
      // So that garbage which is yet to be collected does not look like memory that is kept.
      "--max-semi-space-size=2",
      "--max-old-space-size=96",
      program.entry,
      "serve",
      "--config",
      config,
    );
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
    // As firmware it asks, and fetches its loader by TFTP and its script by HTTP; then its system leases.
    const firmware = net.run(machine ?? "", bootClient);
    await firmware.next();
    firmware.write(`boot ${own} ${mac}`);
    const over = until(attack, "sent").then(() => "the flood was over first");
    expect(await Promise.race([firmware.next(), over])).toEqual({
      server: "10.9.0.1",
      address: known,
      loaderBytes: 20_480,
      scriptBytes: expect.any(Number),
    });
    const system = net.spawn(machine ?? "", "busybox", ...client).ended();
    const leased = await Promise.race([system.then(({ output }) => output), over]);
    expect(leased).toContain(`lease of ${known} obtained from 10.9.0.1`);
    attack.write("enough");
    await attack.ended();
    expect(await until(serving, "dhcp-flood")).toMatchObject({
      interface: "eth1",
      reason: "too many unknown clients ask",
    });
    const after = residentMegabytes(config);
    expect(after).toBeLessThan(before + 100);
    const journal = files.read("data/leases.journal");
    // Beside leases it says how far the clock was.
    const leases = journal.split("\n").filter((line) => line.includes('"mac"'));
    expect(leases).toEqual([expect.stringContaining(mac)]);
  });
});
