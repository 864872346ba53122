import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { emptyNode, type NodeEntry, type NodeHook } from "../../../src/boot/node.ts";
import type { HookSettings } from "../../../src/boot/script/hook-script.ts";
import { isoArguments, USUAL_PLACEHOLDER } from "../../../src/boot/script/iso-arguments.ts";

/* The kernel arguments in an image, word by word as both lines of SMEE write them. */

const mac = "08:00:27:29:4e:67";
const settings: HookSettings = {
  flavour: "smee",
  url: null,
  tinkServer: "10.1.1.7:42113",
  tls: false,
  insecureTls: false,
  syslogHost: "10.1.1.8",
  kernel: "vmlinuz",
  initrd: "initramfs",
  retries: 1,
  retryDelaySeconds: 1,
};
const consoles = "console=ttyAMA0 console=ttyS0 console=tty0 console=tty1 console=ttyS1";
const worker = `hw_addr=${mac} syslog_host=10.1.1.8 grpc_authority=10.1.1.7:42113 tinkerbell_tls=false worker_id=${mac}`;

function hookOf(facility: string | null, vlanId: string | null): NodeHook {
  const nothing = { url: null, kernel: null, initrd: null, arch: null };
  // Images name every worker by its MAC.
  return { ...nothing, facility, vlanId, workerId: "agent-4" };
}

function argumentsOf(
  node: Partial<NodeEntry> | null,
  more: { flavour?: HookSettings["flavour"]; staticAddress?: boolean } = {},
): string {
  const { flavour = "smee", staticAddress = false } = more;
  return isoArguments(
    { ...settings, flavour },
    {
      mac,
      node: node === null ? null : { ...emptyNode, ...node },
      baseUrl: "http://10.1.1.1:7080",
      kernelArgs: ["site=1", "own=2"],
      staticAddress,
    },
  );
}

describe("the kernel arguments in an image", () => {
  test("are the current SMEE's, in its order", () => {
    expect(argumentsOf(null)).toBe(`${consoles} ${worker} site=1 own=2`);
    expect(argumentsOf({ hook: hookOf("onprem", "30") })).toBe(
      `facility=onprem ${consoles} vlan_id=30 ${worker} site=1 own=2`,
    );
    expect(argumentsOf({ hook: hookOf("console=ttyS2 quiet", null) })).toBe(
      `facility=console=ttyS2 quiet ${worker} site=1 own=2`,
    );
  });

  test("are the standalone SMEE's, with its two blanks where there is no VLAN", () => {
    const flavour = "smee-standalone";
    expect(argumentsOf(null, { flavour })).toBe(`site=1 own=2 ${consoles}  ${worker}`);
    expect(argumentsOf({ hook: hookOf(null, "30") }, { flavour })).toBe(
      `site=1 own=2 ${consoles} vlan_id=30 ${worker}`,
    );
  });

  test("have the address of the entry where that is wanted, and nothing for what it lacks", () => {
    const node = {
      hook: hookOf(null, "30"),
      address: "10.1.1.50",
      netmask: "255.255.255.0",
      router: ["10.1.1.1", "10.1.1.2"],
      name: "press-4",
      dns: ["10.1.1.53", "10.1.1.54"],
      domainSearch: ["a.example", "b.example"],
      ntp: ["10.1.1.123"],
    };
    const last = (text: string) => text.split(" ").at(-1);
    expect(last(argumentsOf(node, { staticAddress: true }))).toBe(
      "ipam=08-00-27-29-4e-67:30:10.1.1.50:255.255.255.0:10.1.1.1:press-4:10.1.1.53,10.1.1.54:a.example,b.example:10.1.1.123",
    );
    expect(last(argumentsOf({ domain: "x.example" }, { staticAddress: true }))).toBe(
      "ipam=08-00-27-29-4e-67:::::::x.example:",
    );
    expect(argumentsOf(null, { staticAddress: true })).not.toContain("ipam=");
  });

  test("have the room that SMEE's images have", () => {
    expect(USUAL_PLACEHOLDER).toBe(readFileSync("test/fixtures/smee-iso-magic.txt", "utf8"));
    expect(USUAL_PLACEHOLDER).toHaveLength(1024);
  });
});
