import { z } from "zod";
import {
  addressTypeOf,
  allOf,
  anyOf,
  type FilterChain,
  type FilterRule,
  type IncomingPacket,
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
  const rules = objects.flatMap(({ rule }) => ruleSchema.safeParse(rule).data ?? []);
  const chains = objects
    .flatMap(({ chain }) => chainSchema.safeParse(chain).data ?? [])
    .filter(({ family }) => family === "ip" || family === "inet")
    .toSorted((a, b) => (a.prio ?? 0) - (b.prio ?? 0))
    .map(({ family, table, name, hook, policy }): FilterChain => {
      const place = `${family} ${table}`;
      const own = rules.filter(
        (one) => one.family === family && one.table === table && one.chain === name,
      );
      const isBase = hook !== undefined && hooks.includes(hook);
      return {
        name: `${place} ${name}`,
        rules: own.flatMap(({ expr }) => readRules(expr, place)),
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
    if ("match" in statement)
      return [(packet: IncomingPacket) => matched(statement["match"], packet)];
    const [kind = ""] = Object.keys(statement);
    const passes =
      verdictOf(statement, place) !== null || kind === "vmap" || harmless.includes(kind);
    return passes ? [] : [(): null => null];
  });
  const match = (packet: IncomingPacket) => allOf(conditions.map((one) => one(packet)));
  const map = vmapSchema.safeParse(expr.find((statement) => "vmap" in statement)?.["vmap"]).data;
  if (map !== undefined) {
    return map.data.set.flatMap((pair) => {
      const read = pairSchema.safeParse(pair).data;
      if (read === undefined) return [];
      const [value, verdict] = read;
      const one = { op: "==", left: map.key, right: value };
      return [
        {
          match: (packet: IncomingPacket) => allOf([match(packet), matched(one, packet)]),
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

function matched(match: unknown, packet: IncomingPacket): boolean | null {
  const read = matchSchema.safeParse(match).data;
  if (read === undefined) return null;
  const { op, left, right } = read;
  const value = valueOf(left, packet);
  // A condition on another protocol's header is also one on the protocol.
  if (value === "other-protocol") return false;
  if (value === null) return null;
  const equal = equals(value, right);
  if (op === "==" || op === "in") return equal;
  return op === "!=" ? negated(equal) : null;
}

/** What a packet has where the expression looks; null: not known beforehand. */
function valueOf(left: unknown, packet: IncomingPacket): string | number | null {
  const { transport, broadcast } = packet;
  const meta = metaSchema.safeParse(left).data?.meta.key;
  switch (meta) {
    case "iifname":
    case "iif":
      return packet.interface;
    case "l4proto":
      return transport;
    case "nfproto":
      return "ipv4";
    case "protocol":
      return "ip";
    case "pkttype":
      return broadcast ? "broadcast" : "host";
    case undefined:
      break;
    default:
      return null;
  }
  const tracked = ctSchema.safeParse(left).data?.ct.key;
  if (tracked === "state") return "new";
  // Of a packet that is not translated, which none is that is sent to a port of ours.
  if (tracked === "status") return "none";
  const fib = fibSchema.safeParse(left).data?.fib;
  if (fib?.result === "type" && fib.flags.includes("daddr")) return addressTypeOf(packet);
  const payload = payloadSchema.safeParse(left).data?.payload;
  if (payload === undefined) return null;
  const { protocol, field } = payload;
  if (protocol === "ip") return ofIp(field, packet);
  // Who sends is not known beforehand.
  if (protocol === "ether") return null;
  if (protocol !== "th" && protocol !== transport) return "other-protocol";
  if (field === "dport") return packet.port;
  return field === "sport" ? senderOf(packet).port : null;
}

function ofIp(field: string, packet: IncomingPacket): string | null {
  if (field === "protocol") return packet.transport;
  if (field === "saddr") return senderOf(packet).address;
  return field === "daddr" && packet.broadcast ? "255.255.255.255" : null;
}

function equals(value: string | number, right: unknown): boolean | null {
  const set = Array.isArray(right) ? right : setSchema.safeParse(right).data?.set;
  if (set !== undefined) return anyOf(set.map((one) => equals(value, one)));
  const range = rangeSchema.safeParse(right).data?.range;
  if (range !== undefined) {
    return typeof value === "number" && value >= range[0] && value <= range[1];
  }
  if (typeof right === "number") return value === right;
  // A named set, a network.
  if (typeof right !== "string" || right.startsWith("@")) return null;
  if (right.endsWith("*")) return String(value).startsWith(right.slice(0, -1));
  return String(value) === right;
}
