import { endpoints } from "../../../api/endpoints.ts";
import type { NodeReply, WakeReply } from "../../../api/nodes.ts";
import { provedIdentity } from "../../../timeline/claims.ts";
import { explainStall, statusOf } from "../../../timeline/rules.ts";
import { merged } from "../../../lib/lists/sorted-texts.ts";
import { firstWanted } from "../../../lib/lists/turns.ts";
import type { Mac } from "../../../lib/mac.ts";
import { isUnknown } from "../../../boot/node.ts";
import { hasWildcard } from "../../../boot/identity/wildcard.ts";
import { AllBoots } from "../all-boots.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";
import { decidedBy } from "../decided-by.ts";
import { describedEach, lookedThrough } from "../../../lib/lists/looked-through.ts";
import { decide } from "./decisions.ts";

/**
 * `/api/v1/nodes`: every machine that has an entry, booted lately, or has a known offer style; `/api/v1/nodes/{mac}`: one of them.
 */
export function nodeRoutes(app: AdminApp, options: AdminAppOptions): void {
  app.route({
    ...endpoints.listNodes,
    handler: async ({ query: { limit, cursor = "", status, mac: macs } }) => {
      const known =
        macs === undefined
          ? knownMachines(options, cursor)
          : inOrder(macs, cursor).filter((one) => isKnown(options, one));
      const isWanted = (mac: Mac) =>
        status === undefined || admission(options, mac).status === status;
      const found = await lookedThrough(firstWanted(known, limit + 1, isWanted));
      const page = found.slice(0, limit);
      return {
        nodes: await describedEach(page, (mac) => describeNode(options, mac)),
        next: found.length > page.length ? (page.at(-1) ?? null) : null,
      };
    },
  });

  app.route({
    ...endpoints.showNode,
    handler: ({ params }) => describeNode(options, requireKnown(options, params.mac)),
  });

  app.route({
    ...endpoints.changeNode,
    handler: async (request) => {
      const { mac } = request.params;
      const { netboot, name, way } = request.body;
      if (netboot !== undefined || name !== undefined) {
        await decide(options.nodes, request, { kind: "mac", value: mac }, { netboot, name });
      } else requireKnown(options, mac);
      if (way === null) options.nodes.forgetOfferStyle(mac);
      return describeNode(options, mac);
    },
  });

  app.route({
    ...endpoints.wakeNode,
    handler: async (request) => {
      const reply = await options.wake(request.params.mac, decidedBy(request));
      if (reply.sent.length > 0) return reply;
      throw new ApiError(503, "NOT_SENT", whyNotSent(reply.failed));
    },
  });
}

function whyNotSent(failed: WakeReply["failed"]): string {
  const reasons = failed.map((one) => `${one.interface}: ${one.reason}`);
  return reasons.length === 0
    ? "no link is served now, so no magic packet could be sent. /api/v1/site says what the links lack"
    : `no magic packet could be sent: ${reasons.join("; ")}. Mend that, and try again`;
}

function isKnown(options: AdminAppOptions, mac: Mac): boolean {
  const { nodes } = options;
  return (
    new AllBoots(options).latest({ mac, address: null }) !== null ||
    nodes.offerStyleOf(mac) !== null ||
    nodes.waitingSince(mac) !== null ||
    nodes.find({ mac, uuid: null, serial: null }) !== null
  );
}

function requireKnown(options: AdminAppOptions, mac: Mac): Mac {
  if (isKnown(options, mac)) return mac;
  throw new ApiError(404, "NOT_FOUND", `nothing is known of a machine ${mac}`);
}

/** Each machine once that comes after this one, in order. What there may be many of is in order already. */
function knownMachines(options: AdminAppOptions, after: string): Iterable<Mac> {
  const { nodes, sessions } = options;
  const decided = nodes
    .decisions()
    .flatMap(({ kind, value }) => (kind === "mac" && !hasWildcard(value) ? [value] : []));
  const few = [...nodes.offerStyles(), ...nodes.waiting()].map(({ mac }) => mac);
  return merged([
    nodes.macsAfter(after),
    sessions.macsAfter(after),
    ...new AllBoots(options).macsAfter(after),
    inOrder([...few, ...decided], after),
  ]);
}

/** Those that come after this one, each once. */
function inOrder(macs: readonly Mac[], after: string): Mac[] {
  return [...new Set(macs.filter((mac) => mac > after))].toSorted();
}

/** Whether a machine may boot, by all that is known of it. */
function admission({ nodes, sessions }: AdminAppOptions, mac: Mac) {
  const boot = sessions.latest({ mac, address: null });
  const machine = { mac, ...provedIdentity(boot) };
  const entry = nodes.find(machine);
  const denied = nodes.denialOf(entry);
  const status: NodeReply["status"] =
    denied === null ? "allowed" : isUnknown(entry) ? "waiting" : "denied";
  return { boot, machine, entry, denied, status };
}

/** A machine as people and scripts see it. */
function describeNode(options: AdminAppOptions, mac: Mac): NodeReply {
  const { nodes, clock } = options;
  const nowMs = clock.now();
  const { machine, entry, denied, status } = admission(options, mac);
  const all = new AllBoots(options);
  const seen = all.latest({ mac, address: null });
  const boot = seen?.boot ?? null;
  const { uuid = null, serial = null } = boot ?? {};
  const proven = nodes.offerStyleOf(mac);
  const word = nodes.wordFor(machine);
  const waitingSince = nodes.waitingSince(mac);
  return {
    mac,
    name: entry?.name ?? null,
    uuid: uuid ?? entry?.uuid ?? null,
    serial: serial ?? entry?.serial ?? null,
    address: boot?.address ?? entry?.address ?? null,
    hasEntry: nodes.hasEntry(machine),
    status,
    denied,
    netboot: word?.netboot ?? null,
    decidedBy: word?.by ?? null,
    decidedAt: word?.at ?? null,
    onceUsedAt: word?.onceUsedAt ?? null,
    localBoot: nodes.localBootOf(mac),
    waitingSince: waitingSince === null ? null : new Date(waitingSince).toISOString(),
    way: proven === null ? null : proven.style,
    waySince: proven === null ? null : new Date(proven.provenAtMs).toISOString(),
    boot:
      seen === null
        ? null
        : {
            id: all.idOf(seen),
            server: seen.server?.name ?? null,
            stage: seen.boot.stage,
            status: statusOf(seen.boot, nowMs),
            startedAt: new Date(seen.boot.startedWallMs).toISOString(),
            diagnosis: explainStall(seen.sessions.evidence(seen.boot, nowMs), nowMs),
          },
  };
}
