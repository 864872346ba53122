import { endpoints } from "../../../api/endpoints.ts";
import type { NodeReply } from "../../../api/nodes.ts";
import { explainStall, statusOf } from "../../../timeline/rules.ts";
import { firstOf } from "../../../lib/first-of.ts";
import type { Mac } from "../../../lib/mac.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/**
 * `/api/v1/nodes`: every machine that has an entry, booted lately, or has a known offer style; `/api/v1/nodes/{mac}`: one of them.
 */
export function nodeRoutes(app: AdminApp, options: AdminAppOptions): void {
  app.route({
    ...endpoints.listNodes,
    handler: ({ query: { limit, cursor = "" } }) => {
      const found = firstOf(knownMachines(options, cursor), limit + 1, byText);
      const page = found.slice(0, limit);
      return {
        nodes: page.map((mac) => describeNode(options, mac)),
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
    handler: ({ params }) => {
      const mac = requireKnown(options, params.mac);
      options.nodes.forgetOfferStyle(mac);
      return describeNode(options, mac);
    },
  });
}

function requireKnown({ nodes, sessions }: AdminAppOptions, mac: Mac): Mac {
  const isKnown =
    sessions.latest({ mac, address: null }) !== null ||
    nodes.offerStyleOf(mac) !== null ||
    nodes.find({ mac, uuid: null, serial: null }) !== null;
  if (isKnown) return mac;
  throw new ApiError(404, "NOT_FOUND", `nothing is known of a machine ${mac}`);
}

/** Each machine once that comes after this one. */
function knownMachines({ nodes, sessions }: AdminAppOptions, after: string): Iterable<Mac> {
  const found = new Set<Mac>();
  for (const { mac } of nodes.entries()) if (mac !== null && mac > after) found.add(mac);
  for (const { mac } of sessions.current()) if (mac !== null && mac > after) found.add(mac);
  for (const { mac } of nodes.offerStyles()) if (mac > after) found.add(mac);
  return found;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A machine as people and scripts see it. */
function describeNode({ nodes, sessions, clock }: AdminAppOptions, mac: Mac): NodeReply {
  const nowMs = clock.now();
  const boot = sessions.latest({ mac, address: null });
  const { uuid = null, serial = null } = boot ?? {};
  const entry = nodes.find({ mac, uuid, serial });
  const proven = nodes.offerStyleOf(mac);
  return {
    mac,
    name: entry?.name ?? null,
    uuid: uuid ?? entry?.uuid ?? null,
    serial: serial ?? entry?.serial ?? null,
    address: boot?.address ?? entry?.address ?? null,
    hasEntry: entry !== null,
    denied: nodes.denialOf(entry),
    way: proven === null ? null : proven.style,
    waySince: proven === null ? null : new Date(proven.provenAtMs).toISOString(),
    boot:
      boot === null
        ? null
        : {
            id: boot.id,
            stage: boot.stage,
            status: statusOf(boot, nowMs),
            startedAt: new Date(boot.startedWallMs).toISOString(),
            diagnosis: explainStall(sessions.evidence(boot, nowMs), nowMs),
          },
  };
}
