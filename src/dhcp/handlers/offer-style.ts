import { RASPBERRY_PI } from "../../boot/architecture.ts";
import type { Plan } from "../../boot/policy.ts";
import {
  answerNow,
  askedBootServer,
  askedToBoot,
  loaderRuns,
  type OfferStyle,
  type StyleAnswer,
  type OfferStyles,
  offerStyles,
} from "../../boot/offer-style.ts";
import type { PxeEvent } from "../../events/types.ts";
import { bootItemOf } from "./boot-server.ts";
import type { Effect } from "./effects.ts";
import type { Link } from "../link.ts";
import { BOOTREQUEST } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import { bootFileOf, MENU_ITEM } from "../message/reply.ts";
import type { DhcpRequest } from "../message/request.ts";

/** A plan, and the style of the offer that tells this machine of it. */
export interface Adapted {
  readonly plan: Plan;
  readonly style: OfferStyle;
  /** What is known of the machine from now on, and what people should know. */
  readonly effects: readonly Effect[];
}

/** What an adapted answer depends on, besides the request and the link. */
export interface AdaptKnowledge {
  readonly offerStyles: OfferStyles;
  /** The same plan for a client that is iPXE. */
  readonly planScript: () => Plan;
  /** When another server was last heard to offer the machine an address, as in `Question`. */
  readonly addressOfferedAtMs: number | null;
}

/**
 * Answers firmware in the offer style that it is known to follow, or tries the next one when it asks again
 * without progress; and gives a client that was handed its loader again and again the script instead.
 * What is remembered holds only if the request is answered.
 */
export function adapt(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  known: AdaptKnowledge,
  nowMs: number,
): Adapted {
  const { mac, messageType } = request;
  const unadapted: Adapted = { plan, style: offerStyles[0], effects: [] };
  if (!isMachine(request)) return unadapted;
  const discovers = messageType === MessageType.DISCOVER;
  const machine = known.offerStyles.of(mac);
  if (plan.kind === "script" && discovers && machine.attempt !== null) {
    return { ...unadapted, effects: [{ kind: "remember", machine: loaderRuns(machine) }] };
  }
  // UEFI HTTP boot knows one style only, and cannot be a loader that asks for itself.
  if (plan.kind !== "loader" || request.client.transport !== "pxe") return unadapted;
  // The Raspberry Pi's ROM wants its own option 43.
  const choosing = !request.client.architectures.includes(RASPBERRY_PI);
  const { addressOfferedAtMs } = known;
  const question = { nowMs, loader: plan.file, choosing, addressOfferedAtMs };
  const asked = discovers ? askedToBoot(machine, question) : null;
  const answer = asked?.answer ?? answerNow(machine);
  const style = choosing ? answer.style : offerStyles[0];
  const told = answer.script ? known.planScript() : plan;
  if (asked === null) return { plan: told, style, effects: [] };
  const event = turnEvent(request, link, answer, plan.file, told);
  const effects: readonly Effect[] = event === null ? [] : [{ kind: "event", event }];
  return { plan: told, style, effects: [{ kind: "remember", machine: asked.machine }, ...effects] };
}

/** Only of Ethernet addresses something is kept: there are no others in the nodes file and the API. */
function isMachine({ packet }: DhcpRequest): boolean {
  return packet.op === BOOTREQUEST && packet.chaddr.length === 6;
}

function turnEvent(
  request: DhcpRequest,
  link: Link,
  { turn, style }: StyleAnswer,
  loader: string,
  told: Plan,
): PxeEvent | null {
  const fields = { mac: request.mac, address: null, interface: link.interface };
  switch (turn) {
    case "same":
      return null;
    case "other":
      return { event: "adapted", ...fields, way: style };
    case "loop":
      return told.kind === "script"
        ? { event: "loader-loop", ...fields, loader, boots: bootFileOf(told) }
        : null;
  }
}

/** What a request to our boot server tells of its sender. */
export function rememberBootServer(request: DhcpRequest, known: OfferStyles): readonly Effect[] {
  const machine = known.of(request.mac);
  if (machine.attempt === null || !isMachine(request)) return [];
  const item = bootItemOf(request)?.type === MENU_ITEM;
  return [{ kind: "remember", machine: askedBootServer(machine, item) }];
}
