import type { FastifyInstance } from "fastify";
import type { AdminApp } from "./context.ts";

/*
 * The page that people open. What serves it is loaded when somebody does.
 */

/** Where the page is; no other path needs no token. */
export const dashboardPaths = ["/", "/dashboard/*"] as const;

/** Serves the page that was built into this folder. */
export function dashboardRoutes(app: AdminApp, folder: string): void {
  let page: Promise<FastifyInstance> | null = null;
  for (const url of dashboardPaths) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => {
      page ??= openPage(folder).catch((error: unknown) => {
        // Where there was no descriptor left to read it: the next request tries again.
        page = null;
        throw error;
      });
      const opened = await page;
      reply.hijack();
      opened.routing(request.raw, reply.raw);
    });
  }
}

async function openPage(folder: string): Promise<FastifyInstance> {
  const { createPage } = await import("./page.ts");
  return createPage(folder);
}
