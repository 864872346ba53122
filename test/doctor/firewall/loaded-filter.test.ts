import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadedFilter } from "../../../src/doctor/evidence/firewall.ts";
import { firewallFaults } from "../../../src/doctor/rules/host.ts";
import { judge } from "../../../src/lib/finding.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-modules-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function withModules(...names: readonly string[]): Promise<string | null> {
  const path = join(folder, "modules");
  writeFileSync(path, names.map((name) => `${name} 16384 1 - Live 0x0000000000000000\n`).join(""));
  return loadedFilter(path);
}

test("a container without nft and iptables sees that its host filters packets", async () => {
  expect(await withModules("veth", "nf_tables", "bridge")).toBe("nf_tables");
  expect(await withModules("ip_tables", "iptable_filter")).toBe("iptable_filter");
});

test("nothing is said of a filter that is not loaded", async () => {
  expect(await withModules("veth", "nf_conntrack")).toBeNull();
  expect(await loadedFilter(join(folder, "absent"))).toBeNull();
});

test("rules that no program here can read are not said to let everything in", () => {
  const unread = { interface: "eth1", what: "", verdict: null, reason: "", command: "" };
  expect(judge(firewallFaults, { ...unread, filter: "nf_tables" })?.code).toBe("firewall-not-seen");
  expect(judge(firewallFaults, { ...unread, filter: null })?.code).toBe("firewall-unread");
});
