import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { messageOf, SyncError } from "../../../lib/errors.ts";
import { type AdminAppOptions, sendError } from "../context.ts";

const pinBody = z.strictObject({ generation: z.string().max(64).nullable() });
const adoptBody = z.strictObject({ import: z.string().max(64) });

/** `/api/v1/artifacts`: what is mirrored, and what can be done about it. */
export function mirrorRoutes(app: FastifyInstance, options: AdminAppOptions): void {
  const { generations, artifacts } = options;
  app.get("/api/v1/artifacts", async (_request, reply) => {
    const current = generations.current()?.id ?? null;
    const listed = (await generations.list()).map(({ id, manifest }) => ({
      id,
      current: id === current,
      manifest,
    }));
    const loaders = await artifacts.loaders();
    return reply.send({ current, pinned: artifacts.pinned(), generations: listed, loaders });
  });

  app.post("/api/v1/artifacts/sync", (_request, reply) =>
    orFailed(reply, "SYNC_FAILED", async () => options.sync()),
  );

  app.post("/api/v1/artifacts/verify", (_request, reply) =>
    orFailed(reply, "SYNC_FAILED", async () => ({
      damaged: Object.fromEntries(await artifacts.verify()),
    })),
  );

  app.post("/api/v1/artifacts/pin", (request, reply) => {
    const body = pinBody.safeParse(request.body);
    if (!body.success) {
      return sendError(reply, 400, "BAD_REQUEST", 'the body is {"generation": ID or null}');
    }
    return orFailed(reply, "BAD_REQUEST", async () => {
      await artifacts.pin(body.data.generation);
      return { pinned: artifacts.pinned(), current: generations.current()?.id ?? null };
    });
  });

  // What to adopt was put into the data folder by somebody who may write there.
  app.post("/api/v1/artifacts/adopt", (request, reply) => {
    const body = adoptBody.safeParse(request.body);
    if (!body.success) return sendError(reply, 400, "BAD_REQUEST", 'the body is {"import": NAME}');
    return orFailed(reply, "BAD_REQUEST", async () => ({
      generation: await artifacts.adopt(body.data.import),
    }));
  });
}

async function orFailed(
  reply: FastifyReply,
  code: "SYNC_FAILED" | "BAD_REQUEST",
  work: () => Promise<object>,
): Promise<FastifyReply> {
  try {
    return await reply.send(await work());
  } catch (thrown) {
    if (!(thrown instanceof SyncError)) throw thrown;
    return sendError(reply, code === "SYNC_FAILED" ? 502 : 400, code, messageOf(thrown));
  }
}
