import type { FastifyInstance } from "fastify";
import { messageOf, SyncError } from "../../lib/errors.ts";
import { type AdminAppOptions, sendError } from "../admin-context.ts";

/** `/api/v1/artifacts`: what is mirrored, and a synchronisation on demand. */
export function mirrorRoutes(app: FastifyInstance, options: AdminAppOptions): void {
  app.get("/api/v1/artifacts", async (_request, reply) => {
    const current = options.generations.current()?.id ?? null;
    const generations = (await options.generations.list()).map(({ id, manifest }) => ({
      id,
      current: id === current,
      manifest,
    }));
    return reply.send({ current, generations });
  });

  app.post("/api/v1/artifacts/sync", async (_request, reply) => {
    try {
      return reply.send(await options.sync());
    } catch (thrown) {
      if (!(thrown instanceof SyncError)) throw thrown;
      return sendError(reply, 502, "SYNC_FAILED", messageOf(thrown));
    }
  });
}
