import { describe, expect, test } from "vitest";
import {
  linkChange,
  type LinkChange,
  type CurrentLink,
} from "../../../src/daemon/links/link-diff.ts";
import { wantedLinks, type WantedLink } from "../../../src/daemon/links/link-plan.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import type { NetworkInterface } from "../../../src/net/interfaces.ts";

/** An interface that is up, with these addresses in networks of 24 bits. */
function card(
  name: string,
  addresses: readonly string[],
  changes: Partial<NetworkInterface> = {},
): NetworkInterface {
  return {
    name,
    index: 7,
    addresses: addresses.map((address) => ({ address, subnet: subnetOf(address, 24) })),
    up: true,
    carrier: true,
    loopback: false,
    broadcast: true,
    kind: "card",
    ...changes,
  };
}

function wanted(link: string): WantedLink {
  const config = parseConfig(`interfaces: [${link}]`, "/etc/eim-pxe.yaml");
  const [first] = wantedLinks(config, [card("eth1", ["10.0.0.1", "10.0.1.1"])]);
  if (first === undefined) throw new ConfigError(["no link"]);
  return first;
}

const eth1 = wanted("{ name: eth1 }");
const there = card("eth1", ["10.0.0.1"]);

/** As it stands after it was opened. */
function opened(link: WantedLink, ...interfaces: readonly NetworkInterface[]): CurrentLink {
  const change = linkChange(link, null, interfaces);
  if (change?.kind !== "open") throw new ConfigError([`it was not opened: ${change?.kind}`]);
  return change.to;
}

const standing = opened(eth1, there);

test("a link is opened when its interface is there, with that interface's address and network", () => {
  expect(linkChange(eth1, null, [card("eth0", ["10.9.9.9"]), there])).toEqual({
    kind: "open",
    to: {
      index: 7,
      link: {
        interface: "eth1",
        address: "10.0.0.1",
        advertised: null,
        dhcp: {
          interface: "eth1",
          address: "10.0.0.1",
          advertised: null,
          tftpServer: null,
          subnet: { network: "10.0.0.0", prefixLength: 24 },
          mode: "proxy",
        },
      },
    },
  });
});

describe("without a place to serve", () => {
  test.each<[string, NetworkInterface[], string]>([
    ["no device", [card("eth0", ["10.0.0.1"])], "there is no network interface eth1"],
    ["a device that is down", [card("eth1", ["10.0.0.1"], { up: false })], "ip link set eth1 up"],
    ["no address", [card("eth1", [])], "ip addr add ADDRESS/PREFIX dev eth1"],
  ])("%s: it waits when it is not served, and is closed when it is", (_, interfaces, reason) => {
    const says = { reason: expect.stringContaining(reason) };
    expect(linkChange(eth1, null, interfaces)).toMatchObject({ kind: "wait", ...says });
    expect(linkChange(eth1, standing, interfaces)).toMatchObject({ kind: "close", ...says });
  });

  test("what is missing is told in the same words whatever other interfaces come and go", () => {
    const reasonWith = (...interfaces: NetworkInterface[]) => linkChange(eth1, null, interfaces);
    expect(reasonWith(card("veth7", ["10.7.0.1"]))).toEqual(reasonWith());
  });

  test("the configured address is waited for, whatever others there are", () => {
    const fixed = wanted("{ name: eth1, address: 10.0.1.1 }");
    expect(linkChange(fixed, null, [there])).toMatchObject({ kind: "wait" });
    const both = card("eth1", ["10.0.0.1", "10.0.1.1"]);
    expect(opened(fixed, both).link.address).toBe("10.0.1.1");
    expect(linkChange(fixed, opened(fixed, both), [there])).toMatchObject({ kind: "close" });
  });
});

describe("a link that is served", () => {
  test.each<[string, NetworkInterface]>([
    ["the interface is as it was", there],
    ["another address came, even before ours", card("eth1", ["10.0.2.1", "10.0.0.1"])],
    ["the cable is out", card("eth1", [], { carrier: false })],
  ])("stays when %s", (_, now) => {
    expect(linkChange(eth1, standing, [now])).toBeNull();
  });

  test.each<[string, NetworkInterface, LinkChange["kind"], string]>([
    ["has another address", card("eth1", ["10.0.2.1"]), "move", "its address is now 10.0.2.1"],
    ["was made anew", card("eth1", ["10.0.0.1"], { index: 8 }), "move", "made anew"],
    [
      "has another network",
      { ...there, addresses: [{ address: "10.0.0.1", subnet: subnetOf("10.0.0.1", 16) }] },
      "move",
      "its network is now 10.0.0.0/16",
    ],
    [
      "was made anew and has no cable yet",
      card("eth1", [], { index: 8, carrier: false }),
      "close",
      "no link (cable",
    ],
    [
      "was switched off without a cable",
      card("eth1", [], { up: false, carrier: false }),
      "close",
      "is down",
    ],
  ])("whose interface %s is served anew or no more", (_, now, kind, reason) => {
    const change = linkChange(eth1, standing, [now]);
    expect(change).toMatchObject({ kind, reason: expect.stringContaining(reason) });
  });

  test("keeps a network that is configured", () => {
    const full = wanted("{ name: eth1, dhcp: { mode: full, subnet: 10.0.0.0/23 } }");
    const now = {
      ...there,
      addresses: [{ address: "10.0.0.1", subnet: subnetOf("10.0.0.1", 16) }],
    };
    expect(linkChange(full, opened(full, there), [now])).toBeNull();
  });

  test("is closed while its configuration does not go with the network that the interface has", () => {
    const relayed = "relayed: [{ subnet: 10.7.0.0/24 }]";
    const full = wanted(`{ name: eth1, dhcp: { mode: full, ${relayed} } }`);
    const now = card("eth1", ["10.7.0.1"]);
    const says = { reason: expect.stringContaining("overlaps 10.7.0.0/24") };
    expect(linkChange(full, opened(full, there), [now])).toMatchObject({ kind: "close", ...says });
    expect(linkChange(full, null, [now])).toMatchObject({ kind: "wait", ...says });
    const config = parseConfig(
      `interfaces: [{ name: eth1, dhcp: { mode: full, ${relayed} } }]`,
      "/x",
    );
    expect(() => wantedLinks(config, [now])).toThrow(ConfigError);
  });

  test("without DHCP is on the address alone, whatever device has it", () => {
    const off = wanted('{ name: eth1, dhcp: { mode: "off" } }');
    const anew = card("eth1", ["10.0.0.1"], { index: 8 });
    expect(linkChange(off, opened(off, there), [anew])).toBeNull();
  });
});

describe("wantedLinks", () => {
  const config = (text: string) => parseConfig(text, "/etc/eim-pxe.yaml");
  const two = config("interfaces: [{ name: eth1 }, { name: eth2.20, dhcp: { mode: full } }]");

  test("are those of the configuration while one of them can be served", () => {
    const links = wantedLinks(two, [there]);
    expect(links.map(({ interface: name, mode }) => [name, mode])).toEqual([
      ["eth1", "proxy"],
      ["eth2.20", "full"],
    ]);
  });

  test.each([
    ["there is no interface of its name", [], /eth1; this host has .*\nthere is no .* eth2\.20;/],
    [
      "the one that is there has another address",
      [card("eth1", ["10.0.0.9"])],
      /eth1 does not have the address 10\.0\.0\.1; it has 10\.0\.0\.9/,
    ],
  ])("are a fault of the configuration when none can, and %s", (_, interfaces, words) => {
    const given = config("interfaces: [{ name: eth1, address: 10.0.0.1 }, { name: eth2.20 }]");
    const none = () => wantedLinks(given, interfaces);
    expect(none).toThrow(ConfigError);
    expect(none).toThrow(words);
  });

  test.each([
    ["its address", card("eth1", [])],
    ["being switched on", card("eth1", [], { up: false })],
  ])("are waited for when one that is there lacks only %s", (_, lacking) => {
    expect(wantedLinks(two, [lacking])).toHaveLength(2);
  });

  test("without any in the configuration the sole interface is followed by its name", () => {
    const [sole, ...others] = wantedLinks(config("{}"), [there]);
    expect(others).toEqual([]);
    if (sole === undefined) throw new ConfigError(["no link"]);
    const change = linkChange(sole, opened(sole, there), [card("eth1", ["10.0.5.1"])]);
    expect(change).toMatchObject({ kind: "move", to: { link: { address: "10.0.5.1" } } });
    const other = card("eth9", ["10.0.5.1"]);
    expect(linkChange(sole, opened(sole, there), [other])).toMatchObject({ kind: "close" });
  });
});
