import { z } from "zod";
import {
  addressTypeOf,
  allOf,
  anyOf,
  type FilterChain,
  type FilterRule,
  type IncomingPacket,
  type Match,
  negated,
  type RuleVerdict,
  senderOf,
} from "./chains.ts";

/*
 * What `nft -j list ruleset` prints (libnftables-json(5)) as chains that incoming IPv4 packets go through.
 */

const ruleset = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const chainSchema = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.string().optional(),
});
const ruleSchema = z.object({
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  expr: z.array(z.record(z.string(), z.unknown())),
});
const matchSchema = z.object({ op: z.string(), left: z.unknown(), right: z.unknown() });
const metaSchema = z.object({ meta: z.object({ key: z.string() }) });
const ctSchema = z.object({ ct: z.object({ key: z.string() }) });
const fibSchema = z.object({
  fib: z.object({ result: z.string(), flags: z.union([z.string(), z.array(z.string())]) }),
});
const payloadSchema = z.object({
  payload: z.object({ protocol: z.string(), field: z.string() }),
});
const targetSchema = z.object({ target: z.string() });
const vmapSchema = z.object({ key: z.unknown(), data: z.object({ set: z.array(z.unknown()) }) });
const pairSchema = z.tuple([z.unknown(), z.record(z.string(), z.unknown())]);
const setSchema = z.object({ set: z.array(z.unknown()) });
const rangeSchema = z.object({ range: z.tuple([z.number(), z.number()]) });

/** Where a packet for this host comes by. */
const hooks: readonly string[] = ["prerouting", "input"];

/** Statements that change nothing in whether a rule is for a packet. */
const harmless: readonly string[] = ["counter", "log", "comment", "mangle", "notrack", "ct helper"];

export interface NftRules {
  readonly chains: readonly FilterChain[];
  /** Tables with rules of iptables that only iptables-save shows whole: `ip filter`. */
  readonly legacyTables: readonly string[];
}

/** @returns null when the text is not what nft prints */
export function readNft(text: string): NftRules | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  const found = ruleset.safeParse(parsed);
  if (!found.success) return null;
  const objects = found.data.nftables;
  const rules = objects.flatMap(({ rule }) =>
    rule === undefined ? [] : (ruleSchema.safeParse(rule).data ?? []),
  );
  const byChain = new Map<string, FilterRule[]>();
  for (const { family, table, chain, expr } of rules) {
    const place = `${family} ${table}`;
    const name = `${place} ${chain}`;
    const own = byChain.get(name) ?? [];
    own.push(...readRules(expr, place));
    byChain.set(name, own);
  }
  const chains = objects
    .flatMap(({ chain }) => (chain === undefined ? [] : (chainSchema.safeParse(chain).data ?? [])))
    .filter(({ family }) => family === "ip" || family === "inet")
    .toSorted((a, b) => (a.prio ?? 0) - (b.prio ?? 0))
    .map(({ family, table, name, hook, policy }): FilterChain => {
      const whole = `${family} ${table} ${name}`;
      const isBase = hook !== undefined && hooks.includes(hook);
      return {
        name: whole,
        rules: byChain.get(whole) ?? [],
        policy: isBase ? (policy === "drop" ? "drop" : "accept") : null,
      };
    });
  const legacyTables = rules
    .filter(({ expr }) => expr.some((statement) => "xt" in statement))
    .map(({ family, table }) => `${family} ${table}`);
  return { chains, legacyTables: [...new Set(legacyTables)] };
}

/** A rule, or one for each pair of a verdict map. */
function readRules(
  expr: readonly Readonly<Record<string, unknown>>[],
  place: string,
): FilterRule[] {
  const text = JSON.stringify(expr);
  const conditions = expr.flatMap((statement) => {
    if ("match" in statement) return [matchOf(statement["match"])];
    const [kind = ""] = Object.keys(statement);
    const passes =
      verdictOf(statement, place) !== null || kind === "vmap" || harmless.includes(kind);
    return passes ? [] : [(): null => null];
  });
  const match = (packet: IncomingPacket) => allOf(conditions.map((one) => one(packet)));
  const vmap = expr.find((statement) => "vmap" in statement)?.["vmap"];
  const map = vmap === undefined ? undefined : vmapSchema.safeParse(vmap).data;
  if (map !== undefined) {
    return map.data.set.flatMap((pair) => {
      const read = pairSchema.safeParse(pair).data;
      if (read === undefined) return [];
      const [value, verdict] = read;
      const isValue = matchOf({ op: "==", left: map.key, right: value });
      return [
        {
          match: (packet: IncomingPacket) => allOf([match(packet), isValue(packet)]),
          verdict: verdictOf(verdict, place),
          text,
        },
      ];
    });
  }
  const verdict = expr.map((statement) => verdictOf(statement, place)).find((one) => one !== null);
  return [{ match, verdict: verdict ?? null, text }];
}

function verdictOf(
  statement: Readonly<Record<string, unknown>>,
  place: string,
): RuleVerdict | null {
  const [kind] = Object.keys(statement);
  switch (kind) {
    case "accept":
    case "drop":
    case "return":
      return { kind };
    case "reject":
      return { kind: "drop" };
    case "jump":
    case "goto": {
      const { target } = targetSchema.safeParse(statement[kind]).data ?? {};
      return target === undefined ? null : { kind, chain: `${place} ${target}` };
    }
    case undefined:
    default:
      return null;
  }
}

/** A rule is read once, and asked for each packet. */
function matchOf(match: unknown): Match {
  const read = matchSchema.safeParse(match).data;
  if (read === undefined) return () => null;
  const { op, left, right } = read;
  if (!["==", "in", "!="].includes(op)) return () => null;
  const valueOf = readerOf(left);
  const equals = comparisonWith(right);
  return (packet) => {
    const value = valueOf(packet);
    // A condition on another protocol's header is also one on the protocol.
    if (value === "other-protocol") return false;
    if (value === null) return null;
    return op === "!=" ? negated(equals(value)) : equals(value);
  };
}

type Value = string | number | null;

const unknown = (): Value => null;

/** A host of containers has rules by the thousand, and to be told that a schema does not fit takes long. */
function has(part: unknown, key: string): boolean {
  return typeof part === "object" && part !== null && key in part;
}

/** What a packet has where the expression looks; null: not known beforehand. */
function readerOf(left: unknown): (packet: IncomingPacket) => Value {
  const meta = has(left, "meta") ? metaSchema.safeParse(left).data?.meta.key : undefined;
  if (meta !== undefined) return metaReaders[meta] ?? unknown;
  const tracked = has(left, "ct") ? ctSchema.safeParse(left).data?.ct.key : undefined;
  if (tracked === "state") return () => "new";
  // Of a packet that is not translated, which none is that is sent to a port of ours.
  if (tracked === "status") return () => "none";
  const fib = has(left, "fib") ? fibSchema.safeParse(left).data?.fib : undefined;
  if (fib?.result === "type" && fib.flags.includes("daddr")) return addressTypeOf;
  const payload = has(left, "payload") ? payloadSchema.safeParse(left).data?.payload : undefined;
  if (payload === undefined) return unknown;
  const { protocol, field } = payload;
  if (protocol === "ip") return (packet) => ofIp(field, packet);
  // Who sends is not known beforehand.
  if (protocol === "ether") return unknown;
  return (packet) => {
    if (protocol !== "th" && protocol !== packet.transport) return "other-protocol";
    if (field === "dport") return packet.port;
    return field === "sport" ? senderOf(packet).port : null;
  };
}

const metaReaders: Readonly<Record<string, (packet: IncomingPacket) => Value>> = {
  iifname: (packet) => packet.interface,
  iif: (packet) => packet.interface,
  l4proto: ({ transport }) => transport,
  nfproto: () => "ipv4",
  protocol: () => "ip",
  pkttype: ({ broadcast }) => (broadcast ? "broadcast" : "host"),
};

function ofIp(field: string, packet: IncomingPacket): string | null {
  if (field === "protocol") return packet.transport;
  if (field === "saddr") return senderOf(packet).address;
  return field === "daddr" && packet.broadcast ? "255.255.255.255" : null;
}

function comparisonWith(right: unknown): (value: string | number) => boolean | null {
  if (typeof right === "number") return (value) => value === right;
  if (typeof right === "string") return comparisonWithText(right);
  const set = Array.isArray(right) ? right : setSchema.safeParse(right).data?.set;
  if (set !== undefined) {
    const members = set.map((one) => comparisonWith(one));
    return (value) => anyOf(members.map((equals) => equals(value)));
  }
  const range = rangeSchema.safeParse(right).data?.range;
  // Or a network.
  if (range === undefined) return () => null;
  return (value) => typeof value === "number" && value >= range[0] && value <= range[1];
}

function comparisonWithText(right: string): (value: string | number) => boolean | null {
  // A named set.
  if (right.startsWith("@")) return () => null;
  if (right.endsWith("*")) return (value) => String(value).startsWith(right.slice(0, -1));
  return (value) => String(value) === right;
}
