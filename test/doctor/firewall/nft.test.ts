import { describe, expect, it } from "vitest";
import { filterVerdict, type IncomingPacket } from "../../../src/doctor/firewall/chains.ts";
import { readIptables } from "../../../src/doctor/firewall/iptables.ts";
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

  it("reads nothing that is not nft's", () => {
    expect(readNft("Operation not permitted")).toBeNull();
    expect(readNft("[1]")).toBeNull();
  });
});

describe("iptables", () => {
  const verdictOf = (text: string, packet: IncomingPacket) =>
    filterVerdict(readIptables(text), packet).kind;
  const table = (policy: string, ...rules: readonly string[]) =>
    [
      "*filter",
      `:INPUT ${policy} [0:0]`,
      ":FORWARD DROP [0:0]",
      ":site - [0:0]",
      ...rules,
      "COMMIT",
    ].join("\n");

  it("drops what a rule or the policy drops", () => {
    const rule = "-A INPUT -p udp -m udp --dport 67 -j DROP";
    expect(verdictOf(table("ACCEPT", rule), discover)).toBe("drop");
    expect(verdictOf(table("ACCEPT", rule), tftp)).toBe("accept");
    expect(verdictOf(table("DROP"), tftp)).toBe("drop");
    // What is forwarded does not matter.
    expect(verdictOf(table("ACCEPT"), tftp)).toBe("accept");
  });

  it("lets in by several ports, ranges, interfaces and chains", () => {
    const rules = [
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      '-A INPUT -i eth1 -m comment --comment "boot ports" -j site',
      "-A site -p udp -m multiport --dports 67:69,4011 -j ACCEPT",
      "-A site -p tcp ! -i eth2 --dport 8080 -j ACCEPT",
    ];
    for (const packet of [discover, tftp, http]) {
      expect(verdictOf(table("DROP", ...rules), packet)).toBe("accept");
    }
    expect(verdictOf(table("DROP", ...rules), { ...http, interface: "eth2" })).toBe("drop");
  });

  it("lets another server's offer in, as ufw does by itself", () => {
    const rule = "-A INPUT -p udp -m udp --sport 67 --dport 68 -j ACCEPT";
    expect(verdictOf(table("DROP", rule), offer)).toBe("accept");
    expect(verdictOf(table("DROP", rule), discover)).toBe("drop");
    expect(verdictOf(table("DROP", "-A INPUT -s 192.168.77.2/32 -j ACCEPT"), offer)).toBe(
      "unclear",
    );
  });

  it("passes over what logs and counts", () => {
    const rules = ['-A INPUT -p udp -j LOG --log-prefix "in: "', "-A INPUT -p udp"];
    expect(verdictOf(table("ACCEPT", ...rules), discover)).toBe("accept");
  });

  it("says that it does not know", () => {
    const rule = "-A INPUT -p udp -m limit --limit 5/sec -j ACCEPT";
    expect(verdictOf(table("DROP", rule), discover)).toBe("unclear");
    expect(verdictOf(table("DROP", "-A INPUT -s 10.0.0.0/8 -j ACCEPT"), tftp)).toBe("unclear");
    expect(verdictOf(table("DROP", "-A INPUT -s 10.0.0.0/8 -j ACCEPT"), discover)).toBe("drop");
  });
});
