import {
  addressTypeOf,
  allOf,
  type FilterChain,
  type FilterRule,
  type Match,
  negated,
  senderOf,
} from "./chains.ts";

/* What `iptables-save` prints, as chains that incoming packets go through. */

/** The chains of the tables that a packet for this host meets. */
const builtIn: readonly string[] = ["PREROUTING", "INPUT"];

export function readIptables(text: string): readonly FilterChain[] {
  const chains = new Map<string, { rules: FilterRule[]; policy: FilterChain["policy"] }>();
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    const declared = /^:(\S+) (\S+)/.exec(line);
    if (declared !== null) {
      const [, name = "", policy = ""] = declared;
      const base = policy === "DROP" ? "drop" : "accept";
      chains.set(`ip ${table} ${name}`, {
        rules: [],
        policy: builtIn.includes(name) ? base : null,
      });
    }
    if (!line.startsWith("-A ")) continue;
    const [, name = "", ...words] = wordsOf(line);
    chains.get(`ip ${table} ${name}`)?.rules.push(readRule(words, table, line));
  }
  return [...chains].map(([name, chain]) => ({ name, ...chain }));
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([whole, quoted]) => quoted ?? whole);
}

function readRule(words: readonly string[], table: string, text: string): FilterRule {
  const matches: Match[] = [];
  let verdict: FilterRule["verdict"] = null;
  for (let at = 0; at < words.length; at++) {
    const isNot = words[at] === "!";
    if (isNot) at++;
    const word = words[at] ?? "";
    const target = words[at + 1] ?? "";
    if (word === "-j" || word === "-g") {
      verdict = verdictOf(word, target, table);
      break;
    }
    // The names of extensions; what they ask comes behind them.
    if (word === "-m") {
      at++;
      continue;
    }
    const match = matchOf(word, target);
    matches.push(isNot ? (packet) => negated(match(packet)) : match);
    while (at + 1 < words.length && !/^(-[a-z]|--[a-z]|!$)/.test(words[at + 1] ?? "")) at++;
  }
  return { match: (packet) => allOf(matches.map((one) => one(packet))), verdict, text };
}

function verdictOf(word: string, target: string, table: string): FilterRule["verdict"] {
  if (target === "ACCEPT") return { kind: "accept" };
  if (target === "DROP" || target === "REJECT") return { kind: "drop" };
  if (target === "RETURN") return { kind: "return" };
  // LOG, MARK and the like lead to no chain, and the next rule is asked.
  return { kind: word === "-g" ? "goto" : "jump", chain: `ip ${table} ${target}` };
}

function matchOf(word: string, value: string): Match {
  switch (word) {
    case "-i":
    case "--in-interface":
      return (packet) =>
        value.endsWith("+")
          ? packet.interface.startsWith(value.slice(0, -1))
          : packet.interface === value;
    case "-p":
    case "--protocol":
      return ({ transport }) => value === "all" || value === transport;
    case "--dport":
    case "--dports":
    case "--destination-port":
      return ({ port }) => inPorts(value, port);
    case "--sport":
    case "--sports":
      return (packet) => {
        const { port } = senderOf(packet);
        return port === null ? null : inPorts(value, port);
      };
    case "--ctstate":
    case "--state":
      return () => value.split(",").includes("NEW");
    case "--ctstatus":
      return () => value === "NONE";
    case "--pkt-type":
      return ({ broadcast }) => value === (broadcast ? "broadcast" : "unicast");
    case "--dst-type":
      return (packet) => value.split(",").includes(addressTypeOf(packet).toUpperCase());
    case "--comment":
      return () => true;
    case "-s":
      return (packet) => {
        const { address } = senderOf(packet);
        return address === null ? null : value === `${address}/32`;
      };
    case "-d":
      return ({ broadcast }) => (broadcast ? value === "255.255.255.255/32" : null);
    default:
      return () => null;
  }
}

function inPorts(text: string, port: number): boolean {
  return text.split(",").some((part) => {
    const [first = "", last = first] = part.split(":");
    return port >= Number(first) && port <= Number(last);
  });
}
