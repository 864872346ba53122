import type { FastifyInstance } from "fastify";
import type { AdminAppOptions } from "../admin-context.ts";

/** `/api/v1/leases`: the addresses that mode full has leased. */
export function leaseRoutes(app: FastifyInstance, options: AdminAppOptions): void {
  app.get("/api/v1/leases", (_request, reply) => reply.send({ leases: options.leases() }));
}
