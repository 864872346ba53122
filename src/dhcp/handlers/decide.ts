import type { BootClient } from "../../boot/client.ts";
import type { FindNode, NodeEntry } from "../../boot/node.ts";
import { machineIgnored } from "../../boot/refusals.ts";
import type { Plan } from "../../boot/policy.ts";
import type { TraceContext } from "../../boot/trace-context.ts";
import type { OfferStyles } from "../../boot/offer-style.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { isCardAddress } from "../../lib/mac.ts";
import { ignored, unserved } from "./boot-events.ts";
import { adapt, rememberBootServer } from "./offer-style.ts";
import { handleBootServer } from "./boot-server.ts";
import type { Effect } from "./effects.ts";
import { handleFull } from "./full.ts";
import type { Option } from "./network-options.ts";
import type { Leases } from "../leases/lease-table.ts";
import type { Offers } from "../leases/offer-table.ts";
import type { FullLink, Link } from "../link.ts";
import { BOOTREQUEST } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import { handleProxy } from "./proxy.ts";
import type { DhcpRequest } from "../message/request.ts";
import { handleSmee, type SmeeSettings } from "./smee.ts";

/** `htype` of Ethernet (IANA, ARP parameters). */
const ETHERNET = 1;

/** The port that a request came to: 67, or 4011 where the boot server listens. */
export type Role = "server" | "boot-server";

/** What the answer to a request depends on, besides the request, the link and the time. */
export interface Knowledge {
  /** What the policy has a machine boot. */
  readonly plan: (client: BootClient, node: NodeEntry | null, link: Link) => Plan;
  readonly findNode: FindNode;
  /** The entry that sets an address aside for its machine. */
  readonly reservedFor: (address: Ip4) => NodeEntry | null;
  /** How many machines have an entry that reserves no address for them; default: none. */
  readonly entriesWithoutAddress?: () => number;
  readonly leases: Leases;
  /** Whether machines may have leases of a former leader that `leases` lacks; default: none has. */
  readonly mayLackLeases?: () => boolean;
  /** What each machine's firmware is content with. */
  readonly offerStyles: OfferStyles;
  readonly offers: Offers;
  /** `networkOptions`, made once for each network; default: made for each reply. */
  readonly networkOptions?: (link: FullLink) => readonly Option[];
  /**
   * When another server was last heard to offer an address to the request's machine, in milliseconds
   * since the Unix epoch; 0: never; null, and by default: that cannot be heard.
   */
  readonly addressOfferedAtMs?: (request: DhcpRequest, link: Link) => number | null;
  /**
   * The trace of the boot that the request's machine is in, or begins now; null, and by default: boots are not traced.
   *
   * @param isIpxe whether it is iPXE that asks
   */
  readonly traceOf?: (request: DhcpRequest, isIpxe: boolean) => TraceContext | null;
  /** Answer as SMEE does; null: as this program does by itself. */
  readonly smee: SmeeSettings | null;
}

/**
 * What to do about a request, whatever the mode of its link. Pure: the same input gives the same
 * effects, and nothing happens before they are performed.
 *
 * @param nowMs milliseconds since the Unix epoch
 */
export function decide(
  request: DhcpRequest,
  link: Link,
  role: Role,
  knowledge: Knowledge,
  nowMs: number,
): readonly Effect[] {
  const node = nodeOf(request, knowledge);
  if (knowledge.smee !== null) {
    // SMEE has no boot server.
    if (role === "boot-server") return ignored("SMEE does not answer on port 4011");
    const trace = knowledge.traceOf?.(request, request.client.ipxe) ?? knowledge.smee.trace;
    const effects = handleSmee(request, node, link, { ...knowledge.smee, trace });
    return [...effects, ...systemEvents(request, link)];
  }
  const { chaddr, htype } = request.packet;
  if (chaddr.length > 0 && !isCardAddress(chaddr, htype === ETHERNET)) {
    return ignored("its hardware address is zero, broadcast or multicast");
  }
  if (node?.dhcp === false) return unserved(request, link, machineIgnored);
  const { client } = request;
  const entry = forMode(node, link);
  const planned = knowledge.plan(client, entry, link);
  const known = {
    offerStyles: knowledge.offerStyles,
    planScript: () => knowledge.plan({ ...client, ipxe: true, lacksHttp: false }, entry, link),
    addressOfferedAtMs: knowledge.addressOfferedAtMs?.(request, link) ?? null,
  };
  const adapted = adapt(request, planned, link, known, nowMs);
  const { style, effects: learnt } = adapted;
  const plan = withTrace(adapted.plan, request, knowledge);
  if (role === "boot-server") {
    const asked = rememberBootServer(request, knowledge.offerStyles);
    return whenAnswered(asked, handleBootServer(request, plan, link, style));
  }
  const effects =
    link.mode === "proxy"
      ? handleProxy(request, plan, link, style)
      : handleFull(request, plan, link, node, knowledge, nowMs, style);
  return [...whenAnswered(learnt, effects), ...systemEvents(request, link)];
}

/** A plan that boots something, with the trace that the machine is told. */
function withTrace(plan: Plan, request: DhcpRequest, { traceOf }: Knowledge): Plan {
  if (traceOf === undefined || plan.kind === "none" || plan.kind === "refused") return plan;
  return { ...plan, trace: traceOf(request, plan.kind === "script") };
}

/** What is learnt of a machine by answering it, ahead of the answer; nothing when there is none. */
function whenAnswered(learnt: readonly Effect[], effects: readonly Effect[]): readonly Effect[] {
  return effects.some(({ kind }) => kind === "send") ? [...learnt, ...effects] : effects;
}

/**
 * A proxy names our own script, as SMEE's does, also where the entry has the URL of another one: ours
 * chains to that, and so the machine's timeline shows it.
 */
function forMode(node: NodeEntry | null, link: Link): NodeEntry | null {
  if (node === null || node.scriptUrl === null || link.mode === "full") return node;
  return { ...node, scriptUrl: null };
}

/**
 * The machine's entry. An operating system does not tell the UUID by which its firmware was recognised, but
 * the machine has, in one network or another, the address that this entry reserves.
 */
function nodeOf(request: DhcpRequest, knowledge: Knowledge): NodeEntry | null {
  const { mac, client } = request;
  const node = knowledge.findNode({ mac, uuid: client.uuid, serial: null });
  if (node !== null) return node;
  for (const { address } of knowledge.leases.allOfMachine(mac)) {
    const reserving = knowledge.reservedFor(address);
    if (reserving === null || reserving.mac !== null) continue;
    // It may have had the address before that was reserved for another machine.
    const isOther = client.uuid !== null && reserving.uuid !== null;
    if (!isOther) return reserving;
  }
  return null;
}

/** `system-dhcp`: an ordinary client asks, so an operating system runs on the machine. */
function systemEvents({ packet, client, messageType, mac }: DhcpRequest, link: Link): Effect[] {
  if (client.unknownClass) return [];
  const asks = messageType === MessageType.DISCOVER || messageType === MessageType.REQUEST;
  if (packet.op !== BOOTREQUEST || client.transport !== null || !asks || mac === "") return [];
  const event = { event: "system-dhcp", mac, address: null, interface: link.interface } as const;
  return [{ kind: "event", event }];
}
