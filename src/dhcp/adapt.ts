import { RASPBERRY_PI } from "../boot/architecture.ts";
import type { Plan } from "../boot/policy.ts";
import {
  answerNow,
  askedBootServer,
  askedToBoot,
  loaderRuns,
  type Way,
  type WayAnswer,
  type Ways,
  ways,
} from "../boot/ways.ts";
import type { PxeEvent } from "../observe/events.ts";
import type { Effect } from "./effects.ts";
import type { Link } from "./link.ts";
import { BOOTREQUEST, MessageType } from "./packet.ts";
import { bootFileOf } from "./reply.ts";
import type { DhcpRequest } from "./request.ts";

/** A plan, and the way in which this machine is told of it. */
export interface Adapted {
  readonly plan: Plan;
  readonly way: Way;
  /** What is known of the machine from now on, and what people should know. */
  readonly effects: readonly Effect[];
}

/**
 * Answers firmware in the way that it is known to follow, or tries the next one when it asks again
 * without progress; and gives a client that was handed its loader again and again the script instead.
 *
 * @param planScript the same plan for a client that is iPXE
 */
export function adapt(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  known: Ways,
  planScript: () => Plan,
  nowMs: number,
): Adapted {
  const { mac, messageType } = request;
  const discovers = messageType === MessageType.DISCOVER;
  const machine = known.of(mac);
  if (plan.kind === "script" && discovers && machine.attempt !== null) {
    return { plan, way: ways[0], effects: [{ kind: "remember", machine: loaderRuns(machine) }] };
  }
  const answerable = mac !== "" && request.packet.op === BOOTREQUEST;
  if (plan.kind !== "loader" || !answerable) return { plan, way: ways[0], effects: [] };
  const choosing = mayDiffer(request);
  const asked = discovers ? askedToBoot(machine, nowMs, choosing) : null;
  const answer = asked?.answer ?? answerNow(machine);
  const way = choosing ? answer.way : ways[0];
  const told = answer.script ? planScript() : plan;
  if (asked === null) return { plan: told, way, effects: [] };
  const event = turnEvent(request, link, answer, plan.file, told);
  const effects: readonly Effect[] = event === null ? [] : [{ kind: "event", event }];
  return { plan: told, way, effects: [{ kind: "remember", machine: asked.machine }, ...effects] };
}

/** UEFI HTTP boot knows one way only, and the Raspberry Pi's ROM wants its own option 43. */
function mayDiffer({ client }: DhcpRequest): boolean {
  return client.transport === "pxe" && !client.architectures.includes(RASPBERRY_PI);
}

function turnEvent(
  request: DhcpRequest,
  link: Link,
  { turn, way }: WayAnswer,
  loader: string,
  told: Plan,
): PxeEvent | null {
  const fields = { mac: request.mac, address: null, interface: link.interface };
  switch (turn) {
    case "same":
      return null;
    case "other":
      return { event: "adapted", ...fields, way };
    case "loop":
      return told.kind === "script"
        ? { event: "loader-loop", ...fields, loader, boots: bootFileOf(told) }
        : null;
  }
}

/** What a request to our boot server tells of its sender; `item`: it names the item of the menu. */
export function rememberBootServer(
  { mac }: DhcpRequest,
  known: Ways,
  item: boolean,
): readonly Effect[] {
  if (mac === "") return [];
  const machine = known.of(mac);
  if (machine.attempt === null) return [];
  return [{ kind: "remember", machine: askedBootServer(machine, item) }];
}
