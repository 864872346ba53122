import { describe, expect, test } from "vitest";
import type { NodeEntry } from "../../../src/boot/node.ts";
import {
  networkOptions,
  rememberedNetworkOptions,
} from "../../../src/dhcp/handlers/network-options.ts";
import type { FixedOption, FullLink, FullSettings } from "../../../src/dhcp/link.ts";
import { encodeRoutes } from "../../../src/dhcp/wire/classless-routes.ts";
import { encodeDomains } from "../../../src/dhcp/wire/domain-names.ts";
import { optionTable } from "../../../src/dhcp/wire/options.ts";
import type { DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { concat, fromHex, fromText, toHex } from "../../../src/lib/bytes.ts";
import { type Ip4, ip4ToBytes } from "../../../src/lib/ip4.ts";
import { fullLink } from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

const mac = "52:54:00:00:00:0a";
const relay = "10.1.0.254";

/** What one place says of an option, by a key of its own or by number. */
interface Said {
  readonly key?: Partial<FullSettings> & Partial<NodeEntry>;
  readonly bytes: Uint8Array;
}

/** An option that more than one place can set: what each of them says by its key. */
interface Row {
  readonly code: number;
  readonly network: Said | null;
  readonly node: Said | null;
}

const ip = (address: Ip4) => ip4ToBytes(address);
const route = (via: Ip4) => [
  { network: "0.0.0.0", prefixLength: 0, via: "192.168.77.7" },
  { network: "10.9.0.0", prefixLength: 16, via },
];
const home = { address: "192.168.77.20", netmask: "255.255.255.128" };

const keyed: readonly Row[] = [
  { code: 1, network: null, node: { key: home, bytes: ip("255.255.255.128") } },
  {
    code: 3,
    network: { key: { router: ["192.168.77.2"] }, bytes: ip("192.168.77.2") },
    node: { key: { router: ["192.168.77.3"] }, bytes: ip("192.168.77.3") },
  },
  {
    code: 6,
    network: { key: { dns: ["192.168.77.2"] }, bytes: ip("192.168.77.2") },
    node: { key: { dns: ["192.168.77.3"] }, bytes: ip("192.168.77.3") },
  },
  {
    code: 7,
    network: { key: { logServers: ["192.168.77.2"] }, bytes: ip("192.168.77.2") },
    node: null,
  },
  { code: 12, network: null, node: { key: { name: "node-1" }, bytes: fromText("node-1") } },
  {
    code: 15,
    network: { key: { domain: "a.example" }, bytes: fromText("a.example") },
    node: { key: { domain: "b.example" }, bytes: fromText("b.example") },
  },
  {
    code: 28,
    network: null,
    node: { key: { broadcast: "192.168.77.63" }, bytes: ip("192.168.77.63") },
  },
  {
    code: 42,
    network: { key: { ntp: ["192.168.77.2"] }, bytes: ip("192.168.77.2") },
    node: { key: { ntp: ["192.168.77.3"] }, bytes: ip("192.168.77.3") },
  },
  {
    code: 119,
    network: null,
    node: { key: { domainSearch: ["b.example"] }, bytes: encodeDomains(["b.example"]) },
  },
  {
    code: 121,
    network: null,
    node: { key: { routes: route("192.168.77.3") }, bytes: encodeRoutes(route("192.168.77.3")) },
  },
];

/** Every other option that can be set by number in a network and in an entry. */
const computed = [50, 51, 52, 53, 54, 55, 58, 59, 61, 82];
const numbered: readonly Row[] = [...optionTable.keys(), 224, 254]
  .filter((code) => !computed.includes(code) && !keyed.some((row) => row.code === code))
  .map((code) => ({ code, network: null, node: null }));
const rows = [...keyed, ...numbered];

const byNumber = (code: number, value: Uint8Array): FixedOption => ({ code, value });
const ofNetwork = fromHex("c0a84d21") ?? new Uint8Array();
const ofNode = fromHex("c0a84d31") ?? new Uint8Array();

/** What a machine of each place gets: on the link, and behind a relay agent. */
function replies(
  { network, options }: { network?: Said | null; options?: readonly FixedOption[] },
  node: Partial<NodeEntry>,
): readonly (DhcpPacket | null)[] {
  const settings: Partial<FullSettings> = { ...network?.key, options: options ?? [] };
  const site = new FullSite(settings);
  const relayed = {
    subnet: { network: "10.1.0.0", prefixLength: 24 },
    full: { ...site.link.full, pools: [{ first: "10.1.0.100", last: "10.1.0.199" }] },
  };
  // The link itself says something else of everything.
  const others = site.link.full.options.map(({ code, value }) => ({
    code,
    value: value.map((byte) => byte ^ 1),
  }));
  const behind = new FullSite();
  behind.link = {
    ...behind.link,
    full: { ...behind.link.full, options: others, domain: "link.example", dns: ["192.168.77.9"] },
    relayed: [relayed],
  };
  for (const one of [site, behind]) one.addNode({ mac, ...node });
  return [
    new Machine(site, mac).discover().reply,
    node.address === undefined
      ? new Machine(behind, mac).discover({ packet: { giaddr: relay } }).reply
      : null,
  ].filter((reply) => reply !== null);
}

const hexOf = (reply: DhcpPacket | null, code: number) =>
  toHex(reply?.options.get(code) ?? new Uint8Array());

describe("field fault 5: what the machine's entry says wins over its network", () => {
  test.each(rows)("option $code", ({ code, network, node }) => {
    const options = [byNumber(code, ofNetwork)];
    const numberedEntry = { options: [byNumber(code, ofNode)] };
    // By number over a number, and over a key.
    for (const said of [{ options }, { network }, { network, options }]) {
      for (const reply of replies(said, numberedEntry)) {
        expect(hexOf(reply, code)).toBe(code === 67 ? `${toHex(ofNode)}00` : toHex(ofNode));
      }
    }
    if (node === null) return;
    // By its key over a key, and over a number.
    for (const said of [{ network }, { options }, { network, options }]) {
      const found = replies(said, node.key ?? {});
      expect(found.length).toBeGreaterThan(0);
      for (const reply of found) expect(hexOf(reply, code)).toBe(toHex(node.bytes));
    }
    // In an entry a number wins over the key, too.
    for (const reply of replies({}, { ...node.key, ...numberedEntry })) {
      expect(hexOf(reply, code)).toBe(toHex(ofNode));
    }
  });

  test.each(rows.filter(({ code }) => ![43, 60, 66, 67, 97, 175].includes(code)))(
    "and where it says nothing, option $code comes from the network that the machine is in",
    ({ code, network }) => {
      for (const reply of replies({ network, options: [byNumber(code, ofNetwork)] }, {})) {
        expect(hexOf(reply, code)).toBe(toHex(ofNetwork));
      }
      if (network === null) return;
      for (const reply of replies({ network }, {}))
        expect(hexOf(reply, code)).toBe(toHex(network.bytes));
    },
  );

  test("an empty list of the entry takes away what the network says by number", () => {
    const options = [3, 6, 42].map((code) => byNumber(code, ofNetwork));
    const [reply = null] = replies({ options }, { router: [], dns: [], ntp: [] });
    expect([3, 6, 42].map((code) => reply?.options.has(code))).toEqual([false, false, false]);
  });

  test("a netmask of the entry has its broadcast address, whatever the network says", () => {
    const options = [byNumber(1, ip("255.255.0.0")), byNumber(28, ip("192.168.255.255"))];
    const [reply = null] = replies({ options }, home);
    expect(hexOf(reply, 1)).toBe(toHex(ip("255.255.255.128")));
    expect(hexOf(reply, 28)).toBe(toHex(ip("192.168.77.127")));
  });

  test("the search list that an entry's domain stands for gives way to one that is written", () => {
    const search = encodeDomains(["corp.example"]);
    const entry = { domain: "lab.example" };
    const [derived = null] = replies({}, entry);
    expect(hexOf(derived, 119)).toBe(toHex(encodeDomains(["lab.example"])));
    const [written = null] = replies({ options: [byNumber(119, search)] }, entry);
    expect([hexOf(written, 119), hexOf(written, 15)]).toEqual([
      toHex(search),
      toHex(fromText("lab.example")),
    ]);
  });
});

describe("field fault 4: classless routes do not take the default route away", () => {
  const to10 = { network: "10.0.0.0", prefixLength: 8, via: "192.168.77.2" };
  const by = (via: Ip4) => ({ network: "0.0.0.0", prefixLength: 0, via });
  const routes = byNumber(121, encodeRoutes([to10]));
  const router = { router: ["192.168.77.4", "192.168.77.5"] };
  const whole = (via: Ip4) => toHex(encodeRoutes([to10, by(via)]));

  test.each<[string, Parameters<typeof replies>, string]>([
    [
      "of the network",
      [{ network: { key: router, bytes: routes.value }, options: [routes] }, {}],
      whole("192.168.77.4"),
    ],
    [
      "of the network, beside the entry's router",
      [{ options: [routes] }, { router: ["192.168.77.6"] }],
      whole("192.168.77.6"),
    ],
    [
      "of the network, beside a router by number",
      [{ options: [routes, byNumber(3, ip("192.168.77.8"))] }, {}],
      whole("192.168.77.8"),
    ],
    [
      "of the entry by number",
      [{ network: { key: router, bytes: routes.value } }, { options: [routes] }],
      whole("192.168.77.4"),
    ],
    [
      "of the entry by its key",
      [{ network: { key: router, bytes: routes.value } }, { routes: [to10] }],
      whole("192.168.77.4"),
    ],
    [
      "of the entry, beside its own router by number",
      [{}, { routes: [to10], options: [byNumber(3, ip("192.168.77.8"))] }],
      whole("192.168.77.8"),
    ],
    ["without any router", [{ options: [routes] }, {}], toHex(routes.value)],
    [
      "where the router is switched off",
      [{ network: { key: router, bytes: routes.value }, options: [routes] }, { router: [] }],
      toHex(routes.value),
    ],
    [
      "with a default route of their own",
      [
        {
          network: { key: router, bytes: routes.value },
          options: [byNumber(121, encodeRoutes([by("192.168.77.9"), to10]))],
        },
        {},
      ],
      toHex(encodeRoutes([by("192.168.77.9"), to10])),
    ],
    [
      "that cannot be read",
      [
        {
          network: { key: router, bytes: routes.value },
          options: [byNumber(121, Uint8Array.of(8, 10))],
        },
        {},
      ],
      "080a",
    ],
  ])("%s", (_, [said, node], expected) => {
    for (const reply of replies(said, node)) expect(hexOf(reply, 121)).toBe(expected);
  });

  test("a network without routes gets none", () => {
    const [reply = null] = replies({ network: { key: router, bytes: concat([]) } }, {});
    expect(reply?.options.has(121)).toBe(false);
  });
});

test("what is said of a network is encoded once, for each network by itself", () => {
  const remembered = rememberedNetworkOptions();
  const other: FullLink = {
    ...fullLink,
    subnet: { network: "10.1.0.0", prefixLength: 16 },
    full: { ...fullLink.full, router: ["10.1.0.1"] },
  };
  for (const link of [fullLink, other, fullLink]) {
    expect(remembered(link)).toEqual(networkOptions(link));
  }
  expect(remembered(other)).toBe(remembered({ ...other }));
  expect(remembered(other)).not.toEqual(remembered(fullLink));
});
