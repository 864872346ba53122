import type { FastifyRequest } from "fastify";
import { endpoints } from "../../../api/endpoints.ts";
import type { DecisionReply } from "../../../api/nodes.ts";
import { parseIdentity } from "../../../boot/identity/identity.ts";
import type { Identity } from "../../../boot/node.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions, NodeDecision } from "../context.ts";
import { decidedBy } from "../decided-by.ts";

/** `/api/v1/decisions`: what was decided about machines, by whatever names them. */
export function decisionRoutes(app: AdminApp, { nodes }: AdminAppOptions): void {
  app.route({
    ...endpoints.listDecisions,
    handler: ({ query: { limit, cursor = "" } }) => {
      const byPlace = new Map(nodes.decisions().map((one) => [placeOf(one), one]));
      // By what each one names: a page begins at the same decision, however many come and go before it.
      const places = [...byPlace.keys()].filter((place) => place > cursor).toSorted();
      const page = places.slice(0, limit);
      return {
        unknown: nodes.unknown,
        decisions: page.flatMap((place) => byPlace.get(place) ?? []),
        next: places.length > page.length ? (page.at(-1) ?? null) : null,
      };
    },
  });

  app.route({
    ...endpoints.decide,
    handler: async (request) => {
      const { kind, value, netboot, name, address } = request.body;
      const match = { kind, value: parseIdentity(kind, value) ?? value };
      return decide(nodes, request, match, { netboot, name, address });
    },
  });
}

function placeOf({ kind, value }: DecisionReply): string {
  return `${kind}:${value}`;
}

/** Decides in the name of whoever sent the request. */
export async function decide(
  nodes: AdminAppOptions["nodes"],
  request: FastifyRequest,
  match: { readonly kind: Identity; readonly value: string },
  change: NodeDecision,
): Promise<DecisionReply> {
  const { decision, unkept } = await nodes.decide(match, change, decidedBy(request));
  if (unkept === null) return decision;
  throw new ApiError(
    507,
    "NOT_KEPT",
    `this is in force, and could not be written to dataDir, so that a restart of the server loses it: ${unkept}. ` +
      "Make room there: writing is tried again every 5 seconds",
  );
}
