import { createHash, timingSafeEqual } from "node:crypto";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import { messageOf } from "../../lib/errors.ts";
import { type AdminAppOptions, sendError } from "./context.ts";
import { errorStatus } from "../error-status.ts";
import { bootRoutes } from "./routes/boots.ts";
import { healthRoutes } from "./routes/health.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { mirrorRoutes } from "./routes/artifacts.ts";
import { nodeRoutes } from "./routes/nodes.ts";
import { streamRoutes } from "./routes/events.ts";

export type { AdminAppOptions, ListedGenerations, Readiness } from "./context.ts";

/** What a supervisor asks; it has no token and learns nothing that needs one. */
const openPaths: ReadonlySet<string | undefined> = new Set(["/healthz", "/readyz"]);

/** The port that people and their programs see. It listens when `listen` of server.ts is called. */
export function createAdminApp(options: AdminAppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    // No limit on silence: a synchronisation may take minutes until it answers.
    requestTimeout: 30_000,
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => {
      sendError(reply, errorStatus(error), "BAD_REQUEST", messageOf(error));
    },
  });
  const { token } = options;
  if (token !== null) {
    app.addHook("onRequest", (request, reply, done) => {
      if (openPaths.has(request.routeOptions.url) || presents(request, token)) {
        done();
        return;
      }
      reply.header("www-authenticate", 'Bearer realm="eim-pxe"');
      sendError(reply, 401, "UNAUTHORIZED", "present the token of admin.tokenFile as bearer token");
    });
  }
  app.setNotFoundHandler((_request, reply) =>
    sendError(reply, 404, "NOT_FOUND", "nothing is served at this path"),
  );
  app.setErrorHandler((error, _request, reply) => {
    const status = errorStatus(error);
    return sendError(reply, status, status < 500 ? "BAD_REQUEST" : "INTERNAL", messageOf(error));
  });
  healthRoutes(app, options);
  bootRoutes(app, options);
  mirrorRoutes(app, options);
  leaseRoutes(app, options);
  nodeRoutes(app, options);
  streamRoutes(app, options);
  return app;
}

/** Compares in a time that tells nothing about the token. */
function presents(request: FastifyRequest, token: string): boolean {
  const presented = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  return presented !== undefined && timingSafeEqual(digest(presented), digest(token));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
