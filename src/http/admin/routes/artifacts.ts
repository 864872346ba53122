import type { ApiErrorCode } from "../../../api/errors.ts";
import { endpoints } from "../../../api/endpoints.ts";
import { SyncError } from "../../../lib/errors.ts";
import { ApiError } from "../api-error.ts";
import { decidedBy } from "../decided-by.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** `/api/v1/artifacts`: what is mirrored, and what can be done about it. */
export function artifactRoutes(app: AdminApp, options: AdminAppOptions): void {
  const { generations, artifacts } = options;
  app.route({
    ...endpoints.listArtifacts,
    handler: async () => {
      const current = generations.current()?.id ?? null;
      const listed = (await generations.list()).map(({ id, manifest }) => ({
        id,
        current: id === current,
        manifest,
      }));
      const loaders = await artifacts.loaders();
      const assets = await artifacts.assets();
      return { current, pinned: artifacts.pinned(), generations: listed, loaders, assets };
    },
  });

  app.route({
    ...endpoints.sync,
    handler: () => orRefuse(502, "SYNC_FAILED", options.sync()),
  });

  app.route({
    ...endpoints.verifyArtifacts,
    handler: async () => {
      const damaged = await orRefuse(502, "SYNC_FAILED", artifacts.verify());
      return { damaged: Object.fromEntries(damaged) };
    },
  });

  app.route({
    ...endpoints.pinArtifacts,
    handler: async (request) => {
      const { generation } = request.body;
      await orRefuse(400, "BAD_REQUEST", artifacts.pin(generation, decidedBy(request)));
      return { pinned: artifacts.pinned(), current: generations.current()?.id ?? null };
    },
  });

  // Whoever put the import into the data folder may write there.
  app.route({
    ...endpoints.adoptArtifacts,
    handler: async ({ body }) => ({
      generation: await orRefuse(400, "BAD_REQUEST", artifacts.adopt(body.import)),
    }),
  });
}

async function orRefuse<T>(status: number, code: ApiErrorCode, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (!(thrown instanceof SyncError)) throw thrown;
    throw new ApiError(status, code, thrown.message);
  }
}
