import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/lib/errors.ts";
import {
  interfaceNamed,
  isOwnAddress,
  type InterfaceFacts,
  joinInterfaces,
  type ListedAddresses,
  type NetworkInterface,
  readFacts,
  readInterfaces,
  readInterfacesNamed,
  readMtu,
} from "../../src/net/interfaces.ts";

const UP_ETHERNET = 0x1003;
const DOWN_ETHERNET = 0x1002;
const LOOPBACK = 0x9;

function ip4(address: string, netmask = "255.255.255.0"): ListedAddresses[string] {
  return [{ family: "IPv4", address, netmask }];
}

function host(
  listed: ListedAddresses,
  facts: Record<string, InterfaceFacts>,
): readonly NetworkInterface[] {
  return joinInterfaces(listed, new Map(Object.entries(facts)));
}

const lo: InterfaceFacts = { index: 1, flags: LOOPBACK, carrier: true, kind: "virtual" };
const card: InterfaceFacts = { index: 2, flags: UP_ETHERNET, carrier: true, kind: "card" };

describe("joinInterfaces", () => {
  test("takes IPv4 addresses with their network, and leaves IPv6 out", () => {
    const all = host(
      {
        lo: ip4("127.0.0.1", "255.0.0.0"),
        eth1: [
          { family: "IPv6", address: "fe80::1", netmask: "ffff:ffff:ffff:ffff::" },
          { family: "IPv4", address: "192.168.77.1", netmask: "255.255.254.0" },
        ],
      },
      { lo, eth1: card },
    );
    expect(all.find((one) => one.name === "eth1")).toEqual({
      name: "eth1",
      index: 2,
      addresses: [
        { address: "192.168.77.1", subnet: { network: "192.168.76.0", prefixLength: 23 } },
      ],
      carrier: true,
      up: true,
      loopback: false,
      broadcast: true,
      kind: "card",
    });
  });

  test("an address with a label belongs to its interface", () => {
    const all = host({ eth1: ip4("10.0.0.1"), "eth1:old": ip4("10.0.1.1") }, { eth1: card });
    expect(all.map((one) => one.name)).toEqual(["eth1"]);
    expect(all[0]?.addresses.map((one) => one.address)).toEqual(["10.0.0.1", "10.0.1.1"]);
  });

  test("without facts the addresses tell loopback from the rest", () => {
    const all = joinInterfaces(
      { lo: ip4("127.0.0.1", "255.0.0.0"), en0: ip4("10.0.0.1") },
      new Map(),
    );
    expect(all.map((one) => [one.name, one.loopback, one.broadcast])).toEqual([
      ["en0", false, true],
      ["lo", true, false],
    ]);
  });
});

describe("interfaceNamed", () => {
  const all = host(
    { eth1: ip4("10.0.0.1"), "eth1:2": ip4("10.0.1.1") },
    { eth1: card, eth2: card, eth3: { ...card, flags: DOWN_ETHERNET } },
  );

  test("gives the first address, or the one that is asked for", () => {
    expect(interfaceNamed(all, "eth1")).toEqual({
      name: "eth1",
      address: "10.0.0.1",
      subnet: { network: "10.0.0.0", prefixLength: 24 },
    });
    expect(interfaceNamed(all, "eth1", "10.0.1.1").subnet.network).toBe("10.0.1.0");
  });

  test.each([
    ["eth9", null, "this host has eth1 (10.0.0.1 in 10.0.0.0/24)"],
    ["eth2", null, "ip addr add ADDRESS/PREFIX dev eth2"],
    ["eth3", null, "ip link set eth3 up"],
    ["eth1", "10.0.2.1", "it has 10.0.0.1, 10.0.1.1"],
  ])("%s with address %s is an error that says what to do", (name, address, says) => {
    expect(() => interfaceNamed(all, name, address)).toThrow(ConfigError);
    expect(() => interfaceNamed(all, name, address)).toThrow(says);
  });
});

describe("readFacts", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "eim-pxe-net-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function device(name: string, files: Readonly<Record<string, string>>): void {
    mkdirSync(join(folder, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
  }

  test("an interface that goes away while it is read is left out, and the others stay", () => {
    device("eth1", { flags: "0x1003\n", ifindex: "7\n", carrier: "1\n" });
    // As when a container ends: its interface is listed, and cannot be read any more.
    mkdirSync(join(folder, "veth1", "flags"), { recursive: true });
    const facts = { index: 7, flags: 0x1003, carrier: true, kind: "virtual" };
    expect(readFacts(folder)).toEqual(new Map([["eth1", facts]]));
  });

  test("tells that the cable is out, and nothing of an interface that is switched off", () => {
    device("eth1", { flags: "0x1003\n", ifindex: "7\n", carrier: "0\n" });
    device("eth2", { flags: "0x1002\n", ifindex: "8\n" });
    const facts = readFacts(folder);
    expect(facts.get("eth1")?.carrier).toBe(false);
    expect(facts.get("eth2")?.carrier).toBe(true);
  });

  test("reads only those that are named, with dots in their names, too", () => {
    device("eth1.20", { flags: "0x1003\n", ifindex: "9\n", carrier: "1\n" });
    device("veth7", { flags: "0x1003\n", ifindex: "10\n", carrier: "1\n" });
    const facts = readFacts(folder, ["eth1.20", "eth2"]);
    expect([...facts.keys()]).toEqual(["eth1.20"]);
  });
});

test("reading some interfaces gives what reading all gives of them", () => {
  const [loopback] = readInterfacesNamed(["lo", "nosuch0"]);
  expect(loopback).toEqual(readInterfaces().find(({ name }) => name === "lo"));
  expect(readInterfacesNamed(["lo", "nosuch0"])).toHaveLength(1);
});

test("this host has a loopback interface that is up", () => {
  const loopback = readInterfaces().find((one) => one.loopback);
  expect(loopback?.up).toBe(true);
  expect(loopback?.addresses[0]?.address).toBe("127.0.0.1");
});

describe("the MTU of an interface", () => {
  test("is what the kernel says", () => {
    expect(readMtu("lo")).toBe(65_536);
  });

  test("is unknown where there is no such interface, or where the kernel says something else", () => {
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-net-"));
    mkdirSync(join(folder, "odd"));
    writeFileSync(join(folder, "odd/mtu"), "wide\n");
    expect([readMtu("nothing", folder), readMtu("odd", folder)]).toEqual([null, null]);
    rmSync(folder, { recursive: true });
  });
});

describe("isOwnAddress", () => {
  test("knows every address that this host has, all of loopback's, and no other", () => {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    for (const { address } of all) expect(isOwnAddress(address)).toBe(true);
    for (const own of ["127.0.0.1", "127.88.0.1", "::1"]) expect(isOwnAddress(own)).toBe(true);
    for (const other of ["192.0.2.1", "0.0.0.0", "2001:db8::1", "127.evil.example", "localhost"]) {
      expect(isOwnAddress(other)).toBe(false);
    }
  });
});
