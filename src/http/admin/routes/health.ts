import type { FastifyInstance } from "fastify";
import type { AdminAppOptions } from "../context.ts";

/** For supervisors and monitoring: alive, ready, metrics. */
export function healthRoutes(app: FastifyInstance, options: AdminAppOptions): void {
  app.get("/healthz", (_request, reply) =>
    reply.send({ status: "alive", instance: options.instance }),
  );

  app.get("/readyz", (_request, reply) => {
    const { ready, reasons, unserved } = options.readiness();
    if (!ready) return reply.code(503).send({ status: "not ready", reasons });
    const generation = options.generations.current()?.id ?? null;
    return reply.send({ status: "ready", generation, unserved });
  });

  app.get("/metrics", async (_request, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.metrics()),
  );
}
