import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/config/load.ts";
import { TftpClients } from "../../../src/daemon/links/tftp-clients.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import type { NetworkInterface } from "../../../src/net/interfaces.ts";

function eth1(...addresses: readonly string[]): NetworkInterface {
  const facts = { up: true, carrier: true, loopback: false, broadcast: true };
  const own = addresses.map((address) => ({ address, subnet: subnetOf(address, 24) }));
  return { name: "eth1", index: 2, addresses: own, kind: "card", ...facts };
}

function clients(text: string) {
  const state = { now: 0, interfaces: [eth1("192.168.77.1")] };
  const config = parseConfig(text, "test.yaml");
  const clock = { now: () => state.now };
  return { state, tftp: new TftpClients(config, () => state.interfaces, clock) };
}

const proxy = "interfaces: [{ name: eth1 }]\n";
const full = `interfaces: [{ name: eth1, dhcp: { mode: full, pools: [192.168.77.100-192.168.77.199],
  relayed: [{ subnet: 10.20.0.0/16, pools: [10.20.0.10-10.20.0.99] }] } }]\n`;

describe("field fault 45: TFTP answers", () => {
  it.each([
    ["the network of a link", proxy, "192.168.77.30", true],
    ["this host itself", proxy, "127.0.0.1", true],
    ["nobody elsewhere", proxy, "203.0.113.9", false],
    ["nobody in another private network", proxy, "192.168.78.30", false],
    ["a network behind a relay agent", full, "10.20.3.4", true],
    ["no other network behind a relay agent", full, "10.21.3.4", false],
    ["everybody where that is set", `${proxy}tftp: { allowFrom: any }`, "203.0.113.9", true],
    [
      "another network that is set",
      `${proxy}tftp: { allowFrom: [links, 203.0.113.0/24] }`,
      "203.0.113.9",
      true,
    ],
    [
      "the links beside it",
      `${proxy}tftp: { allowFrom: [links, 203.0.113.0/24] }`,
      "192.168.77.30",
      true,
    ],
    ["only what is set", `${proxy}tftp: { allowFrom: [203.0.113.0/24] }`, "192.168.77.30", false],
    ["everybody as SMEE does", `${proxy}dhcp: { compatibility: smee }`, "203.0.113.9", true],
  ])("%s", (_, text, address, allowed) => {
    expect(clients(text).tftp.allows(address)).toBe(allowed);
  });

  it("machines behind a relay agent whose requests a proxy answered", () => {
    const { tftp } = clients(proxy);
    tftp.dhcpAnswered({ address: "10.20.0.1", port: 67 });
    expect(["10.20.3.4", "10.99.0.1", "172.16.0.1"].map((one) => tftp.allows(one))).toEqual([
      true,
      true,
      false,
    ]);
    tftp.dhcpAnswered({ address: "203.0.113.1", port: 67 });
    expect([tftp.allows("203.0.113.9"), tftp.allows("203.0.114.9")]).toEqual([true, false]);
  });

  it("a machine in another network that a proxy answered directly, and no other there", () => {
    const { tftp } = clients(proxy);
    tftp.dhcpAnswered({ address: "10.20.0.30", port: 68 });
    expect([tftp.allows("10.20.0.30"), tftp.allows("10.20.0.31")]).toEqual([true, false]);
  });

  it("nobody more for an answer on the link or by broadcast", () => {
    const { tftp } = clients(proxy);
    tftp.dhcpAnswered({ address: "255.255.255.255", port: 68 });
    tftp.dhcpAnswered({ address: "192.168.77.2", port: 67 });
    expect([tftp.allows("192.168.78.1"), tftp.allows("255.255.255.1")]).toEqual([false, false]);
  });

  it("a network that was added to an interface, a second later at most", () => {
    const { tftp, state } = clients(proxy);
    expect(tftp.allows("10.1.0.30")).toBe(false);
    state.interfaces = [eth1("192.168.77.1", "10.1.0.1")];
    state.now = 1000;
    expect(tftp.allows("10.1.0.30")).toBe(true);
  });
});
