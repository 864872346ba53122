import { endpoints } from "../../../api/endpoints.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";
import { lookedThrough } from "../../../lib/lists/looked-through.ts";
import { decide } from "./decisions.ts";

/** Room for a thousand leases. */
const IMPORT_BYTES = 2 * 1024 * 1024;

/** `/api/v1/leases`: the addresses that mode full has leased, and how full its pools are. */
export function leaseRoutes(app: AdminApp, { leases, nodes }: AdminAppOptions): void {
  app.route({
    ...endpoints.listLeases,
    handler: async ({ query: { limit, cursor = null } }) => {
      const found = await lookedThrough(leases.page(cursor, limit + 1));
      const page = found.slice(0, limit);
      const next = found.length > page.length ? (page.at(-1)?.address ?? null) : null;
      return { leases: page, pools: await lookedThrough(leases.pools()), next };
    },
  });

  app.route({
    ...endpoints.releaseLease,
    handler: async ({ params: { address } }) => {
      const released = await leases.release(address);
      if (released === null) throw new ApiError(404, "NOT_FOUND", `${address} is not leased`);
      return released;
    },
  });

  app.route({
    ...endpoints.importLeases,
    bodyLimit: IMPORT_BYTES,
    handler: async ({ body }) => leases.import(body.leases),
  });

  app.route({
    ...endpoints.pinLease,
    handler: async (request) => {
      const { address } = request.params;
      const lease = leases.at(address);
      if (lease === null || lease.state !== "bound") {
        throw new ApiError(404, "NOT_FOUND", `${address} is leased to no machine`);
      }
      const { mac } = lease;
      const change = { address, name: request.body?.name };
      const decision = await decide(nodes, request, { kind: "mac", value: mac }, change);
      return { mac, address, name: decision.name };
    },
  });
}
