import { endpoints } from "../../../api/endpoints.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** For supervisors and monitoring: alive, ready, metrics. */
export function healthRoutes(app: AdminApp, options: AdminAppOptions): void {
  app.route({
    ...endpoints.healthz,
    handler: () => ({ status: "alive" as const, instance: options.instance }),
  });

  app.route({
    ...endpoints.readyz,
    handler: async (_request, reply) => {
      const { ready, reasons, unserved } = options.readiness();
      if (!ready) return reply.code(503).send({ status: "not ready", reasons });
      const generation = options.generations.current()?.id ?? null;
      return reply.send({ status: "ready", generation, unserved });
    },
  });

  app.route({
    ...endpoints.metrics,
    handler: async (_request, reply) => {
      reply.type(options.metrics.contentType);
      return options.metrics.metrics();
    },
  });
}
