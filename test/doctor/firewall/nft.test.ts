import { describe, expect, it } from "vitest";
import { filterVerdict, type IncomingPacket } from "../../../src/doctor/firewall/chains.ts";
import { readNft } from "../../../src/doctor/firewall/nft.ts";

const discover: IncomingPacket = {
  interface: "eth1",
  transport: "udp",
  port: 67,
  broadcast: true,
};
const offer: IncomingPacket = { ...discover, port: 68 };
const tftp: IncomingPacket = { interface: "eth1", transport: "udp", port: 69, broadcast: false };
const http: IncomingPacket = { interface: "eth1", transport: "tcp", port: 8080, broadcast: false };

/** An inet table with the chain `input` of these rules, as nft prints it. */
function input(policy: string, ...rules: readonly (readonly object[])[]): string {
  const at = { family: "inet", table: "filter" };
  return JSON.stringify({
    nftables: [
      { metainfo: { json_schema_version: 1 } },
      { chain: { ...at, name: "input", hook: "input", prio: 0, policy } },
      { chain: { ...at, name: "boot" } },
      ...rules.map((expr) => ({ rule: { ...at, chain: "input", expr } })),
      { rule: { ...at, chain: "boot", expr: [match(port("udp"), 69), { accept: null }] } },
    ],
  });
}

const match = (left: object, right: unknown, op = "==") => ({ match: { op, left, right } });
const port = (protocol: string) => ({ payload: { protocol, field: "dport" } });
const meta = (key: string) => ({ meta: { key } });
const state = match({ ct: { key: "state" } }, ["established", "related"], "in");

function verdict(text: string, packet: IncomingPacket): string {
  return filterVerdict(readNft(text)?.chains ?? [], packet).kind;
}

describe("nft", () => {
  it("lets everything in where no rule forbids it", () => {
    expect(verdict(input("accept", [state, { accept: null }]), discover)).toBe("accept");
    expect(verdict('{"nftables": []}', discover)).toBe("accept");
  });

  it("drops by the policy what no rule lets in", () => {
    const rules = input(
      "drop",
      [state, { accept: null }],
      [match(port("tcp"), { set: [22, { range: [8000, 8100] }] }), { accept: null }],
    );
    expect(verdict(rules, discover)).toBe("drop");
    expect(verdict(rules, tftp)).toBe("drop");
    expect(verdict(rules, http)).toBe("accept");
  });

  it("asks the interface, by name and by its beginning", () => {
    const only = (name: string) => input("drop", [match(meta("iifname"), name), { accept: null }]);
    expect(verdict(only("eth1"), discover)).toBe("accept");
    expect(verdict(only("eth*"), discover)).toBe("accept");
    expect(verdict(only("eth0"), discover)).toBe("drop");
    expect(verdict(only("lo"), discover)).toBe("drop");
  });

  it("knows a DHCPDISCOVER by its addresses and ports", () => {
    const rule = [
      match({ payload: { protocol: "udp", field: "sport" } }, 68),
      match({ payload: { protocol: "ip", field: "daddr" } }, "255.255.255.255"),
      { drop: null },
    ];
    expect(verdict(input("accept", rule), discover)).toBe("drop");
    expect(
      verdict(input("accept", [match(meta("pkttype"), "broadcast"), { drop: null }]), discover),
    ).toBe("drop");
  });

  it("knows another server's offer, but not its address", () => {
    const sport = { payload: { protocol: "udp", field: "sport" } };
    const client = [match(sport, 67), match(port("udp"), 68), { accept: null }];
    expect(verdict(input("drop", client), offer)).toBe("accept");
    expect(verdict(input("drop", client), discover)).toBe("drop");
    const saddr = { payload: { protocol: "ip", field: "saddr" } };
    const known = [match(saddr, "192.168.77.2"), { accept: null }];
    expect(verdict(input("drop", known), offer)).toBe("unclear");
    expect(verdict(input("drop", known), discover)).toBe("drop");
  });

  it("follows jumps, comes back, and takes reject for drop", () => {
    const jump = [{ jump: { target: "boot" } }];
    expect(verdict(input("drop", jump), tftp)).toBe("accept");
    expect(verdict(input("drop", jump), discover)).toBe("drop");
    expect(
      verdict(input("accept", [{ goto: { target: "boot" } }], [{ drop: null }]), discover),
    ).toBe("accept");
    expect(verdict(input("accept", [{ reject: { type: "icmp" } }]), discover)).toBe("drop");
  });

  it("asks a verdict map", () => {
    const map = (word: string) => [
      {
        vmap: {
          key: port("udp"),
          data: {
            set: [
              [67, { [word]: null }],
              [53, { accept: null }],
            ],
          },
        },
      },
    ];
    expect(verdict(input("accept", map("drop")), discover)).toBe("drop");
    expect(verdict(input("drop", map("accept")), discover)).toBe("accept");
    expect(verdict(input("drop", map("accept")), tftp)).toBe("drop");
  });

  it("says that it does not know where a rule depends on what is not known beforehand", () => {
    const limited = [
      match(port("udp"), 67),
      { limit: { rate: 5, per: "second" } },
      { accept: null },
    ];
    expect(verdict(input("drop", limited), discover)).toBe("unclear");
    const named = [
      match({ payload: { protocol: "ip", field: "saddr" } }, "@known"),
      { accept: null },
    ];
    expect(verdict(input("drop", named), tftp)).toBe("unclear");
    // Beyond a rate only: most packets come in.
    const flood = [match(port("udp"), 67), { limit: { rate: 5, inv: true } }, { drop: null }];
    expect(verdict(input("accept", flood), discover)).toBe("accept");
  });

  it("a negation turns what is known round", () => {
    const rule = [match(meta("iifname"), "eth1", "!="), { accept: null }];
    expect(verdict(input("drop", rule), discover)).toBe("drop");
  });

  it("knows what a packet's address is to this host, and that none of ours is translated", () => {
    const fib = (...flags: readonly string[]) => ({ fib: { result: "type", flags } });
    const broadcasts = input("accept", [match(fib("daddr"), "broadcast"), { drop: null }]);
    expect(verdict(broadcasts, discover)).toBe("drop");
    expect(verdict(broadcasts, tftp)).toBe("accept");
    const foreign = input("accept", [match(fib("daddr", "iif"), "local", "!="), { drop: null }]);
    expect(verdict(foreign, discover)).toBe("drop");
    expect(verdict(foreign, tftp)).toBe("accept");
    const unicast = input("drop", [match(meta("pkttype"), "host"), { accept: null }]);
    expect(verdict(unicast, tftp)).toBe("accept");
    // As firewalld has it before its own chains.
    const translated = match({ ct: { key: "status" } }, "dnat", "in");
    expect(verdict(input("drop", [translated, { accept: null }]), tftp)).toBe("drop");
  });

  it("does not know who sends", () => {
    const sender = { payload: { protocol: "ether", field: "saddr" } };
    const known = input("drop", [match(sender, "52:54:00:00:00:01"), { accept: null }]);
    expect(verdict(known, discover)).toBe("unclear");
  });

  it("reads nothing that is not nft's", () => {
    expect(readNft("Operation not permitted")).toBeNull();
    expect(readNft("[1]")).toBeNull();
  });
});
