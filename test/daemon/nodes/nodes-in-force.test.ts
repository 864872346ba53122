import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/config/load.ts";
import { NodesInForce } from "../../../src/daemon/nodes/nodes-in-force.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { createInventory } from "../../../src/nodes/inventory.ts";
import { parseNodes } from "../../../src/nodes/nodes-file.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { eventually } from "../../support/eventually.ts";

const mac = "52:54:00:12:34:56";
const address = "192.168.77.50";
const machine = { mac, uuid: null, serial: null };
const byMac = { kind: "mac", value: mac } as const;

let folder: string;
let events: PxeEvent[];
let sessions: BootSessions;
let senders: Map<string, string>;
let nowMs: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-nodes-"));
  events = [];
  sessions = new BootSessions();
  senders = new Map([[address, mac]]);
  nowMs = Date.parse("2026-03-06T10:00:00Z");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function nodesOf(text: string, more: object = {}): Promise<NodesInForce> {
  const config = parseConfig(JSON.stringify({ dataDir: folder, ...more }), "eim-pxe.yaml");
  const nodes = new NodesInForce({
    config,
    inventory: createInventory(parseNodes(text, "nodes.yaml")),
    sessions,
    emit: (event) => events.push(event),
    senderAt: (at) => senders.get(at ?? "") ?? null,
    clock: { now: () => nowMs, wall: () => nowMs },
    retryAfterMs: 10,
  });
  await nodes.start();
  return nodes;
}

const named = (name: PxeEvent["event"]) => events.filter(({ event }) => event === name);
const once = `- { mac: "${mac}", netboot: once }`;

describe("a decision", () => {
  test("is on the disk when it is answered, is reported with who made it, and holds after a restart", async () => {
    const nodes = await nodesOf("");
    expect(await nodes.decide(byMac, { netboot: "deny", name: "press" }, "ann")).toBeNull();
    expect(named("node-decided")).toMatchObject([
      { mac, netboot: "deny", name: "press", by: "ann" },
    ]);
    // As after SIGKILL: nothing is closed.
    const again = await nodesOf("");
    expect(again.find(machine)).toMatchObject({ netboot: "deny", name: "press" });
    expect(again.denialOf({ mac, address: null })).toMatchObject({ way: "silent" });
  });

  test("is one of many at the same time, and none is lost", async () => {
    const nodes = await nodesOf("");
    const value = (n: number) => `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;
    const all = Array.from({ length: 200 }, (_, n) => value(n));
    await Promise.all(
      all.map((one) => nodes.decide({ kind: "mac", value: one }, { netboot: "deny" }, "ann")),
    );
    const again = await nodesOf("");
    expect(again.register.overrides.map(({ match }) => match.value)).toEqual(all);
  });

  test("that cannot be written is in force, and says so", async () => {
    const nodes = await nodesOf("", { dataDir: join(folder, "file", "data") });
    writeFileSync(join(folder, "file"), "");
    expect(await nodes.decide(byMac, { netboot: "deny" }, "ann")).toMatch(/ENOTDIR/);
    expect(nodes.find(machine)?.netboot).toBe("deny");
    expect(named("nodes-unkept")).toHaveLength(1);
    await nodes.close();
  });

  test("is written as soon as the disk takes it, and what is in its way is reported once", async () => {
    const dataDir = join(folder, "file", "data");
    const nodes = await nodesOf(once, { dataDir });
    writeFileSync(join(folder, "file"), "");
    nodes.hear({ event: "micro-os", mac, address, evidence: "dhcp" });
    expect(await nodes.decide(byMac, { name: "press" }, "ann")).toMatch(/ENOTDIR/);
    expect(await nodes.decide(byMac, { name: "oven" }, "ann")).toMatch(/ENOTDIR/);
    expect(named("nodes-unkept")).toHaveLength(1);
    rmSync(join(folder, "file"));
    await eventually(() => expect(existsSync(join(dataDir, "nodes.json"))).toBe(true));
    const again = await nodesOf(once, { dataDir });
    expect(again.find(machine)).toMatchObject({ name: "oven", netboot: "deny" });
  });

  test("is not tried again once it is closed", async () => {
    const dataDir = join(folder, "file", "data");
    const nodes = await nodesOf("", { dataDir });
    writeFileSync(join(folder, "file"), "");
    await nodes.decide(byMac, { netboot: "deny" }, "ann");
    await nodes.close();
    rmSync(join(folder, "file"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(existsSync(dataDir)).toBe(false);
  });

  test.each([
    "",
    "{",
    '{"version":1}',
    '{"version":2,"overrides":[],"usedOnce":[],"localBoots":[]}',
  ])(
    "that cannot be read any more (%j) lets nothing start, and stays as it is",
    async (content) => {
      writeFileSync(join(folder, "nodes.json"), content);
      await expect(nodesOf("")).rejects.toThrow(ConfigError);
      await expect(nodesOf("")).rejects.toThrow(/nodes\.json: what was decided about machines/);
      expect(readFileSync(join(folder, "nodes.json"), "utf8")).toBe(content);
    },
  );

  test("about a reserved address alone lets no unknown machine boot, and leaves it waiting", async () => {
    const nodes = await nodesOf("", { nodes: { unknown: "deny" } });
    const refused = { event: "dhcp-refused", mac, address: null, interface: "eth1" } as const;
    nodes.hear({ ...refused, why: "machine-denied", reason: "no node entry matches", remedy: "" });
    await nodes.decide(byMac, { address }, "ann");
    expect(nodes.find(machine)?.address).toBe(address);
    expect(nodes.denialOf({ mac, address: null })?.reason).toMatch(/no node entry matches/);
    expect(nodes.waiting.all).toMatchObject([{ mac }]);
    await nodes.decide(byMac, { netboot: "allow" }, "ann");
    expect(nodes.denialOf({ mac, address: null })).toBeNull();
    expect(nodes.waiting.all).toEqual([]);
  });

  test("takes its machine from those that wait", async () => {
    const nodes = await nodesOf("", { nodes: { unknown: "deny" } });
    const reason = "no node entry matches";
    const refused = { event: "dhcp-refused", mac, address: null, interface: "eth1" } as const;
    nodes.hear({ ...refused, why: "machine-denied", reason, remedy: "" });
    expect(nodes.waiting.all).toMatchObject([{ mac }]);
    expect(named("machine-waiting")).toHaveLength(1);
    await nodes.decide(byMac, { netboot: "allow" }, "ann");
    expect(nodes.waiting.all).toEqual([]);
    expect(nodes.denialOf({ mac, address: null })).toBeNull();
  });
});

describe("once", () => {
  const microOs = { event: "micro-os", mac, address } as const;

  test("ends with the operating system's own DHCP request, also after a restart", async () => {
    const nodes = await nodesOf(once);
    nodes.hear({ ...microOs, evidence: "dhcp" });
    expect(nodes.denialOf({ mac, address: null })?.reason).toMatch(/reached the Micro-OS on 2026/);
    expect(named("once-used")).toHaveLength(1);
    await nodes.close();
    expect((await nodesOf(once)).find(machine)?.netboot).toBe("deny");
  });

  const allow = `- { mac: "${mac}", netboot: allow }`;
  const readAgain = (text: string) => createInventory(parseNodes(text, "nodes.yaml"));

  test("that began anew by another word in the file is not used up again by a restart", async () => {
    const nodes = await nodesOf(once);
    nodes.hear({ ...microOs, evidence: "dhcp" });
    for (const text of [allow, once]) nodes.use(readAgain(text));
    expect(nodes.find(machine)?.netboot).toBe("allow");
    await nodes.close();
    expect((await nodesOf(once)).find(machine)?.netboot).toBe("allow");
  });

  test.each([
    ["while the server was stopped", allow, "allow"],
    ["by one with a wildcard, which may hold for others", '- { mac: "52:54:*" }', "deny"],
    ["by none", "", "deny"],
  ])("whose entry was replaced %s", async (_, meanwhile, expected) => {
    const nodes = await nodesOf(once);
    nodes.hear({ ...microOs, evidence: "dhcp" });
    await nodes.close();
    await (await nodesOf(meanwhile)).close();
    expect((await nodesOf(once)).find(machine)?.netboot).toBe(expected);
  });

  test("ends with a beacon from the machine's own address, and with a forged one not", async () => {
    const nodes = await nodesOf(once);
    nodes.hear({ ...microOs, evidence: "beacon" });
    sessions.learnAddress("52:54:00:00:00:66", address);
    nodes.hear({ ...microOs, evidence: "beacon" });
    nodes.hear({ ...microOs, address: null, evidence: "beacon" });
    expect([nodes.find(machine)?.netboot, named("once-used")]).toEqual(["allow", []]);
    sessions.learnAddress(mac, address);
    nodes.hear({ ...microOs, evidence: "beacon" });
    expect(nodes.find(machine)?.netboot).toBe("deny");
  });

  test("writes nothing for a machine that may boot anyway", async () => {
    const nodes = await nodesOf("");
    nodes.hear({ ...microOs, evidence: "dhcp" });
    await nodes.close();
    expect(existsSync(join(folder, "nodes.json"))).toBe(false);
  });
});

describe("the way to the disk", () => {
  const denied = `- { mac: "${mac}", netboot: deny }`;
  const refused = {
    event: "dhcp-refused",
    mac,
    address: null,
    interface: "eth1",
    why: "machine-denied",
    reason: "",
    remedy: "",
  } as const;

  test("is what its entry says, else what the configuration says", async () => {
    const boot = { localBoot: "exit" };
    const other = "52:54:00:00:00:01";
    const text = `${denied}\n- { mac: "${other}", netboot: deny, localBoot: sanboot }`;
    const nodes = await nodesOf(text, { boot });
    expect(nodes.denialOf({ mac, address: null })?.way).toBe("exit");
    expect(nodes.denialOf({ mac: other, address: null })?.way).toBe("sanboot");
  });

  test("that worked is remembered over a restart, and forgotten on demand", async () => {
    const nodes = await nodesOf(denied);
    nodes.hear(refused);
    nowMs += 120_000;
    const discover = {
      event: "discover",
      mac,
      address: null,
      interface: "eth1",
      architecture: "x86 BIOS",
      firmware: "PXEClient",
      uuid: null,
      broadcast: true,
      userClass: null,
      secs: 0,
    } as const;
    nodes.hear(discover);
    expect(nodes.denialOf({ mac, address: null })?.way).toBe("exit");
    nodes.hear({ event: "system-dhcp", mac, address: null, interface: "eth1" });
    expect(named("local-boot-learnt")).toMatchObject([{ mac, way: "exit" }]);
    await nodes.close();
    const again = await nodesOf(denied);
    expect(again.denialOf({ mac, address: null })?.way).toBe("exit");
    expect(again.forgetLocalBoot(mac)).toBe(true);
    await again.close();
    expect((await nodesOf(denied)).denialOf({ mac, address: null })?.way).toBe("silent");
  });

  test.each([
    ["auto", denied],
    ["exit", `- { mac: "${mac}", netboot: deny, localBoot: exit }`],
  ])(
    "is not-found for a machine whose iPXE can do nothing but restart it (%s)",
    async (_, file) => {
      const nodes = await nodesOf(file);
      senders.set(address, mac);
      const sentOn = { event: "local-boot", mac, address, way: "exit", reason: "denied" } as const;
      nodes.hear({ ...sentOn, restarts: true });
      expect(nodes.denialOf({ mac, address })?.way).toBe("not-found");
    },
  );

  test("field fault 47: is not moved by requests in the machine's name from another address", async () => {
    const other = "192.168.77.66";
    const sentOn = { event: "local-boot", mac, way: "exit", reason: "denied" } as const;
    for (const known of [null, "52:54:00:00:00:66"]) {
      if (known !== null) senders.set(other, known);
      const nodes = await nodesOf(denied);
      nodes.hear({ ...sentOn, address: other });
      expect(nodes.localBoots.of(mac)).toBeNull();
      nodes.hear({ ...sentOn, address });
      const before = nodes.localBoots.of(mac);
      expect(before).not.toBeNull();
      nowMs += 60_000;
      nodes.hear({ ...sentOn, address: other });
      expect(nodes.localBoots.of(mac)).toEqual(before);
    }
  });

  test("is shown when the machine's own system is heard after it was offered nothing", async () => {
    const nodes = await nodesOf(denied);
    const system = { event: "system-dhcp", mac, address: null, interface: "eth1" } as const;
    nodes.hear(system);
    expect(named("local-boot")).toEqual([]);
    nodes.hear(refused);
    nodes.hear(system);
    expect(named("local-boot")).toMatchObject([{ mac, way: "silent" }]);
  });

  test("is that of SMEE in its compatibilities: none", async () => {
    const dhcp = { compatibility: "smee" };
    const nodes = await nodesOf(denied, { dhcp, boot: { localBoot: "exit" } });
    expect(nodes.denialOf({ mac, address: null })).toMatchObject({ way: "silent", isAuto: false });
  });
});

test("a machine whose entry names a serial number is undecided until iPXE has told its own", async () => {
  const nodes = await nodesOf("- { serial: SN1 }", { nodes: { unknown: "deny" } });
  expect(nodes.denialOf({ mac, address: null })).toBeNull();
  const at = { nowMs, wallMs: nowMs };
  sessions.record("script", { mac, address, serial: "SN2" }, {}, at);
  expect(nodes.denialOf({ mac, address: null })).not.toBeNull();
  sessions.record("script", { mac, address, serial: "SN1" }, {}, at);
  expect(nodes.denialOf({ mac, address: null })).toBeNull();
  expect(nodes.find(machine)?.serial).toBe("SN1");
});
