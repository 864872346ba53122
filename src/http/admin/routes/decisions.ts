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
    handler: ({ query: { limit, cursor = 0 } }) => {
      const all = nodes.decisions();
      const page = all.slice(cursor, cursor + limit);
      const end = cursor + page.length;
      return {
        unknown: nodes.unknown,
        decisions: page,
        next: end < all.length ? String(end) : null,
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
