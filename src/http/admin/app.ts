import { createHash, timingSafeEqual } from "node:crypto";
import { fastify, type FastifyReply, type FastifyRequest } from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { repeatsHost } from "../repeated-host.ts";
import { answerTo, ApiError } from "./api-error.ts";
import type { AdminApp, AdminAppOptions } from "./context.ts";
import { objectionTo } from "./request-guard.ts";
import { artifactRoutes } from "./routes/artifacts.ts";
import { bootRoutes } from "./routes/boots.ts";
import { captureRoutes } from "./routes/captures.ts";
import { codeRoutes } from "./routes/codes.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { nodeRoutes } from "./routes/nodes.ts";

export type {
  AdminApp,
  AdminAppOptions,
  AdminLeases,
  ListedGenerations,
  Readiness,
} from "./context.ts";

/** Health checks: open without a token. */
const openPaths: ReadonlySet<string | undefined> = new Set(["/healthz", "/readyz"]);

/** The port that people and their programs see. It listens when `listen` of `http/listen.ts` is called. */
export function createAdminApp(options: AdminAppOptions): AdminApp {
  const app = fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    // No limit on how long an answer takes: a synchronisation may take minutes.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => void sendError(reply, error),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  // That replies have their shapes is judged by the compiler and by a test: no work for each one.
  app.setSerializerCompiler(() => (reply) => JSON.stringify(reply));
  app.addHook("onRequest", (request, _reply, done) => {
    const isRepeated = repeatsHost(request.raw.rawHeaders);
    done(
      isRepeated
        ? new ApiError(400, "BAD_REQUEST", "the request has two Host lines")
        : (objectionTo(request, options) ?? undefined),
    );
  });
  // Only JSON is taken, and what needs no body may come without one.
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null);
    else void parseJson(request, String(body), done);
  });
  const { token } = options;
  if (token !== null) {
    app.addHook("onRequest", (request, reply, done) => {
      if (openPaths.has(request.routeOptions.url) || presents(request, token)) {
        done();
        return;
      }
      reply.header("www-authenticate", 'Bearer realm="eim-pxe"');
      done(
        new ApiError(401, "UNAUTHORIZED", "present the token of admin.tokenFile as bearer token"),
      );
    });
  }
  app.setNotFoundHandler(() => {
    throw new ApiError(404, "NOT_FOUND", "nothing is served at this path");
  });
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));
  healthRoutes(app, options);
  bootRoutes(app, options);
  captureRoutes(app, options);
  codeRoutes(app);
  artifactRoutes(app, options);
  leaseRoutes(app, options);
  nodeRoutes(app, options);
  eventRoutes(app, options);
  return app;
}

function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const { status, reply: body } = answerTo(thrown);
  return reply.code(status).send(body);
}

/** Compares in a time that tells nothing about the token. */
function presents(request: FastifyRequest, token: string): boolean {
  const presented = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  return presented !== undefined && timingSafeEqual(digest(presented), digest(token));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
