import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/lib/errors.ts";
import { chooseInterface } from "../../src/net/interface-choice.ts";
import { joinInterfaces, type ListedAddresses, readFacts } from "../../src/net/interfaces.ts";

/*
 * Hosts as `/sys/class/net` describes them: for each interface the entries that are there, and its address.
 * `device`, `bridge`, `brport`, `lower_NAME` are folders or links; a `DEVTYPE` is in `uevent`.
 */
interface Device {
  readonly entries?: readonly string[];
  readonly devtype?: string;
  readonly address?: string;
  readonly down?: boolean;
  readonly flags?: string;
}

type Host = Readonly<Record<string, Device>>;

const UP_ETHERNET = "0x1003";
const DOWN_ETHERNET = "0x1002";
const LOOPBACK = "0x9";
const TUNNEL = "0x1091";

const lo: Device = { flags: LOOPBACK, address: "127.0.0.1" };
const card: Device = { entries: ["device"] };
const docker0: Device = { entries: ["bridge"], devtype: "bridge", address: "172.17.0.1" };
const inBridge: Device = { entries: ["device", "brport", "master"] };

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-net-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function interfacesOf(host: Host) {
  const listed: Record<string, NonNullable<ListedAddresses[string]>> = {};
  for (const [name, device] of Object.entries(host)) {
    const flags = device.flags ?? (device.down === true ? DOWN_ETHERNET : UP_ETHERNET);
    put(`${name}/flags`, `${flags}\n`);
    put(`${name}/ifindex`, "2\n");
    put(`${name}/uevent`, device.devtype === undefined ? "" : `DEVTYPE=${device.devtype}\n`);
    for (const entry of device.entries ?? []) mkdirSync(join(folder, name, entry));
    if (device.address === undefined) continue;
    listed[name] = [{ family: "IPv4", address: device.address, netmask: "255.255.255.0" }];
  }
  return joinInterfaces(listed, readFacts(folder));
}

const withAddress = (device: Device, address = "10.0.0.1"): Device => ({ ...device, address });

const chosen: readonly (readonly [string, Host, string])[] = [
  ["the only card", { lo, eth0: withAddress(card), eth1: card }, "eth0"],
  ["the card beside Docker's bridge", { eth0: withAddress(card), docker0 }, "eth0"],
  ["the card whose address comes late, not Docker's bridge", { eth0: card, docker0 }, "eth0"],
  ["the card whose cable comes late", { eth0: { ...card, down: true }, docker0 }, "eth0"],
  [
    "the card, not what containers and virtual machines have",
    {
      enp1s0: card,
      "br-0a1b2c3d4e5f": docker0,
      virbr0: docker0,
      cni0: docker0,
      podman0: docker0,
      lxdbr0: docker0,
      veth12ab: { entries: ["brport", "master"] },
      "flannel.1": { entries: ["lower_enp1s0"], devtype: "vxlan", address: "10.244.0.0" },
      vnet0: { entries: ["brport", "master"] },
    },
    "enp1s0",
  ],
  [
    "the bridge that its card is a port of",
    { eth0: inBridge, br0: withAddress({ entries: ["bridge", "lower_eth0"], devtype: "bridge" }) },
    "br0",
  ],
  [
    "that bridge also under a container's name",
    {
      eth0: inBridge,
      "br-lan": withAddress({ entries: ["bridge", "lower_eth0"], devtype: "bridge" }),
      docker0,
    },
    "br-lan",
  ],
  [
    "the bond of its cards",
    {
      eth0: { entries: ["device", "bonding_slave"] },
      eth1: { entries: ["device", "bonding_slave"] },
      bond0: withAddress({ entries: ["lower_eth0", "lower_eth1"], devtype: "bond" }),
      docker0,
    },
    "bond0",
  ],
  [
    "the VLAN on a card without an address",
    { eth0: card, "eth0.20": withAddress({ entries: ["lower_eth0"], devtype: "vlan" }) },
    "eth0.20",
  ],
  [
    "the card with an address, not the VLAN on it",
    {
      eth0: withAddress(card),
      "eth0.20": withAddress({ entries: ["lower_eth0"], devtype: "vlan" }, "10.0.20.1"),
    },
    "eth0",
  ],
  [
    "a VLAN on a bridge on a bond",
    {
      eth0: { entries: ["device", "bonding_slave"] },
      bond0: { entries: ["lower_eth0", "brport"], devtype: "bond" },
      br0: { entries: ["bridge", "lower_bond0"], devtype: "bridge" },
      "br0.7": withAddress({ entries: ["lower_br0"], devtype: "vlan" }),
    },
    "br0.7",
  ],
  ["the interface of a container", { lo, eth0: { address: "172.17.0.2" } }, "eth0"],
  [
    "the interface of a container with containers of its own",
    { eth0: { address: "172.17.0.2" }, docker0 },
    "eth0",
  ],
  ["the interface of a container that has no address yet", { eth0: {}, docker0 }, "eth0"],
  [
    "no tunnel, which carries no broadcasts",
    { eth0: withAddress(card), tun0: { flags: TUNNEL, address: "10.8.0.1" } },
    "eth0",
  ],
];

test.each(chosen)("field fault 29: without a configuration %s is taken", (_, host, name) => {
  expect(chooseInterface(interfacesOf(host))).toBe(name);
});

const unclear: readonly (readonly [string, Host, readonly string[], readonly string[]])[] = [
  [
    "two cards",
    { docker0, eth0: withAddress(card), eth1: withAddress(card, "10.0.1.1") },
    ["eth1 (10.0.1.1 in 10.0.1.0/24)", "interfaces: [{ name: eth0 }]"],
    ["docker0"],
  ],
  [
    "two cards without an address",
    { docker0, eth0: card, eth1: card },
    ["eth1 (no IPv4 address)", "interfaces: [{ name: eth0 }]"],
    [],
  ],
  [
    "nothing but a container's bridge",
    { lo, docker0 },
    ["docker0 (172.17.0.1", "served only by name"],
    ["[{ name: docker0 }]"],
  ],
  ["nothing but loopback", { lo }, ["none but loopback"], []],
];

describe.each(unclear)("field fault 29: with %s", (_, host, says, saysNot) => {
  test("the administrator is asked to name one", () => {
    const interfaces = interfacesOf(host);
    expect(() => chooseInterface(interfaces)).toThrow(ConfigError);
    for (const text of says) expect(() => chooseInterface(interfaces)).toThrow(text);
    for (const text of saysNot) expect(() => chooseInterface(interfaces)).not.toThrow(text);
  });
});
