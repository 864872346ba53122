/*
 * A host's packet filter as chains of rules, whichever program wrote them, and what becomes of a packet in
 * it. What cannot be known beforehand (a rate limit, a set that changes) is `null`: perhaps.
 */

/** A packet that comes in and begins a conversation. */
export interface IncomingPacket {
  readonly interface: string;
  readonly transport: "udp" | "tcp";
  /** The port that it is sent to. */
  readonly port: number;
  /** DHCP to 255.255.255.255 (see `senderOf`). Others come from an address of the link. */
  readonly broadcast: boolean;
}

interface Sender {
  readonly port: number | null;
  readonly address: string | null;
}

/** Who broadcasts: to port 67 a machine without an address, to port 68 another DHCP server; null: not known beforehand. */
export function senderOf({ port, broadcast }: IncomingPacket): Sender {
  if (!broadcast) return { port: null, address: null };
  return port === 68 ? { port: 67, address: null } : { port: 68, address: "0.0.0.0" };
}

/** What its address is to this host, as `addrtype` and `fib` name it; what is not broadcast comes to an address of our own. */
export function addressTypeOf({ broadcast }: IncomingPacket): "local" | "broadcast" {
  return broadcast ? "broadcast" : "local";
}

/** Whether a rule is for a packet; null: perhaps. */
export type Match = (packet: IncomingPacket) => boolean | null;

export type RuleVerdict =
  | { readonly kind: "accept" | "drop" | "return" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

export interface FilterRule {
  readonly match: Match;
  /** Null: it counts, logs or marks, and the next rule is asked. */
  readonly verdict: RuleVerdict | null;
  /** The rule as people know it. */
  readonly text: string;
}

export interface FilterChain {
  /** Unique, such as `inet filter input`. */
  readonly name: string;
  readonly rules: readonly FilterRule[];
  /** Of a chain that incoming packets go through by themselves; null: others jump to it. */
  readonly policy: "accept" | "drop" | null;
}

/** `unclear`: dropped unless a rule that cannot be judged beforehand lets it in. */
export type FilterVerdict =
  | { readonly kind: "accept" }
  | { readonly kind: "drop" | "unclear"; readonly chain: string; readonly rule: string };

type Outcome =
  | { readonly kind: "accept" | "return" }
  | { readonly kind: "drop" | "unclear"; readonly chain: string; readonly rule: string };

/** Rules that jump in a circle are refused by the kernel. */
const MAX_DEPTH = 16;

/** What becomes of the packet: each chain of its way has to let it pass. */
export function filterVerdict(
  chains: readonly FilterChain[],
  packet: IncomingPacket,
): FilterVerdict {
  // A host of containers has chains by the thousand.
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  let verdict: FilterVerdict = { kind: "accept" };
  for (const chain of chains) {
    if (chain.policy === null) continue;
    const outcome = walk(byName, chain, packet, 0);
    if (outcome.kind === "drop") return { ...outcome, kind: "drop" };
    if (outcome.kind === "unclear") verdict = { ...outcome, kind: "unclear" };
  }
  return verdict;
}

type ChainsByName = ReadonlyMap<string, FilterChain>;

function walk(
  chains: ChainsByName,
  chain: FilterChain,
  packet: IncomingPacket,
  depth: number,
): Outcome {
  let mayPass = false;
  const end = (outcome: Outcome): Outcome =>
    outcome.kind === "drop" && mayPass ? { ...outcome, kind: "unclear" } : outcome;
  for (const { match, verdict, text } of chain.rules) {
    const matches = match(packet);
    if (matches === false || verdict === null) continue;
    const outcome = outcomeOf(chains, chain, verdict, packet, text, depth);
    if (outcome === null) continue;
    if (matches === true) return end(outcome);
    // It may be for this packet. One that drops a part (a rate limit) is no fault.
    if (outcome.kind !== "drop") mayPass = true;
  }
  if (chain.policy === "drop") {
    return end({ kind: "drop", chain: chain.name, rule: "its policy, which is drop" });
  }
  return { kind: chain.policy === "accept" ? "accept" : "return" };
}

/** Null: the next rule is asked. */
function outcomeOf(
  chains: ChainsByName,
  chain: FilterChain,
  verdict: RuleVerdict,
  packet: IncomingPacket,
  text: string,
  depth: number,
): Outcome | null {
  if (verdict.kind === "drop") return { kind: "drop", chain: chain.name, rule: text };
  if (verdict.kind !== "jump" && verdict.kind !== "goto") return { kind: verdict.kind };
  const target = chains.get(verdict.chain);
  if (target === undefined || depth >= MAX_DEPTH) return null;
  const outcome = walk(chains, target, packet, depth + 1);
  if (outcome.kind !== "return") return outcome;
  if (verdict.kind === "jump") return null;
  // After goto the chain that jumped is over: its policy holds.
  return chain.policy === "drop"
    ? { kind: "drop", chain: chain.name, rule: "its policy, which is drop" }
    : { kind: chain.policy === "accept" ? "accept" : "return" };
}

/** All have to match. */
export function allOf(matches: readonly (boolean | null)[]): boolean | null {
  if (matches.includes(false)) return false;
  return matches.includes(null) ? null : true;
}

/** One has to match. */
export function anyOf(matches: readonly (boolean | null)[]): boolean | null {
  if (matches.includes(true)) return true;
  return matches.includes(null) ? null : false;
}

/** The other way round; what is not known stays so. */
export function negated(match: boolean | null): boolean | null {
  return match === null ? null : !match;
}
