import { expect, it } from "vitest";
import { type FilterChain, filterVerdict } from "../../../src/doctor/firewall/chains.ts";
import { readIptables } from "../../../src/doctor/firewall/iptables.ts";
import { readNft } from "../../../src/doctor/firewall/nft.ts";

/* A node of Kubernetes has chains by the thousand, and `serve` reads them at its start: in time that grows as they do. */

const services = Array.from({ length: 2000 }, (_, at) => `SVC-${at}`);
const http = { interface: "eth1", transport: "tcp", port: 8080, broadcast: false } as const;

function judged(chains: readonly FilterChain[]): string {
  const ports = Array.from({ length: 20 }, (_, at) => filterVerdict(chains, { ...http, port: at }));
  expect(new Set(ports.map(({ kind }) => kind))).toEqual(new Set(["accept"]));
  return filterVerdict(chains, http).kind;
}

it("iptables' rules by the thousand are read and judged", () => {
  const text = [
    "*nat",
    ":PREROUTING ACCEPT [0:0]",
    ...services.map((name) => `:${name} - [0:0]`),
    ...services.flatMap((name) => [
      `-A PREROUTING -p tcp -m tcp --dport 20:8079 -j ${name}`,
      `-A ${name} -m statistic --mode random -j MASQ`,
    ]),
    "-A PREROUTING -p tcp -m tcp --dport 8080 -j DROP",
    "COMMIT",
  ].join("\n");
  const chains = readIptables(text);
  expect(chains).toHaveLength(services.length + 1);
  expect(judged(chains)).toBe("drop");
});

it("nft's rules by the thousand are read and judged", () => {
  const at = { family: "inet", table: "nat" };
  const port = (right: unknown) => ({
    match: { op: "==", left: { payload: { protocol: "tcp", field: "dport" } }, right },
  });
  const rule = (chain: string, ...expr: readonly object[]) => ({ rule: { ...at, chain, expr } });
  const chains = readNft(
    JSON.stringify({
      nftables: [
        { chain: { ...at, name: "in", hook: "input", prio: 0, policy: "accept" } },
        ...services.flatMap((name) => [
          { chain: { ...at, name } },
          rule("in", port({ range: [20, 8079] }), { jump: { target: name } }),
          rule(name, { counter: null }, { return: null }),
        ]),
        rule("in", port(8080), { drop: null }),
      ],
    }),
  )?.chains;
  expect(chains).toHaveLength(services.length + 1);
  expect(judged(chains ?? [])).toBe("drop");
});

it("a packet's way through a thousand chains looks at each a few times, and not a thousand times", () => {
  let looked = 0;
  const chain = (own: string, rules: FilterChain["rules"], policy: FilterChain["policy"]) => ({
    get name() {
      looked += 1;
      return own;
    },
    rules,
    policy,
  });
  const names = services.slice(0, 1000);
  const jumps = names.map((name) => ({
    match: () => true,
    verdict: { kind: "jump", chain: name } as const,
    text: name,
  }));
  const chains = [...names.map((name) => chain(name, [], null)), chain("in", jumps, "accept")];
  expect(filterVerdict(chains, http).kind).toBe("accept");
  expect(looked).toBeLessThan(10_000);
});
