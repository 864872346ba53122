import { fastify, type FastifyReply, type FastifyRequest } from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { endpoints } from "../../api/endpoints.ts";
import { printable } from "../../lib/bytes.ts";
import { repeatsHost } from "../repeated-host.ts";
import { errorStatus } from "../error-status.ts";
import { withoutCompilers } from "../own-compilers.ts";
import { accessOf } from "./access.ts";
import { answerTo, ApiError, nothingThere } from "./api-error.ts";
import type { AdminApp, AdminAppOptions } from "./context.ts";
import { decidedBy } from "./decided-by.ts";
import { dashboardPaths, dashboardRoutes } from "./dashboard.ts";
import { RouteMethods } from "./methods.ts";
import { changes, foreignObjection, typeObjection } from "./request-guard.ts";
import { artifactRoutes } from "./routes/artifacts.ts";
import { bootRoutes } from "./routes/boots.ts";
import { captureRoutes } from "./routes/captures.ts";
import { codeRoutes } from "./routes/codes.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { decisionRoutes } from "./routes/decisions.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { nodeRoutes } from "./routes/nodes.ts";
import { openApiRoutes } from "./routes/open-api.ts";
import { sessionRoutes } from "./routes/session.ts";
import { siteRoutes } from "./routes/site.ts";
import { jsonWithConfig } from "../../events/own-commands.ts";

export type {
  AdminApp,
  AdminAppOptions,
  AdminLeases,
  ListedGenerations,
  Readiness,
} from "./context.ts";

/** Open without a token: health checks, and how one signs in. */
const openPaths: ReadonlySet<string | undefined> = new Set([
  endpoints.healthz.url,
  endpoints.readyz.url,
  endpoints.showSession.url,
  ...dashboardPaths,
]);

/** The port that people and their programs see. It listens when `listen` of `http/listen.ts` is called. */
export function createAdminApp(options: AdminAppOptions): AdminApp {
  const app = fastify({
    logger: false,
    ...withoutCompilers,
    bodyLimit: 64 * 1024,
    // No limit on how long an answer takes: a synchronisation may take minutes.
    return503OnClosing: false,
    // More than anything that has a name here, which is told as for any other name that is not there.
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply, errorStatus(error) === 414 ? nothingThere() : error);
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  // That replies have their shapes is judged by the compiler and by a test: no work for each one.
  app.setSerializerCompiler(
    () => (reply) => jsonWithConfig(JSON.stringify(reply), options.configFile),
  );
  const methods = new RouteMethods();
  methods.follow(app);
  app.addHook("onRequest", (request, reply, done) => {
    done(objection(request, reply, options, methods) ?? undefined);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const isSession = request.routeOptions.url === endpoints.signIn.url;
    if (changes(request) && !isSession && reply.statusCode < 400) {
      const asked = `${request.method} ${printable(request.url, 256)}`;
      options.changed({ by: decidedBy(request), request: asked });
    }
    done();
  });
  // Only JSON is taken, and what needs no body may come without one.
  app.removeAllContentTypeParsers();
  // Keys of prototypes are passed over as every other one that means nothing here.
  const parseJson = app.getDefaultJsonParser("remove", "remove");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null);
    else void parseJson(request, String(body), done);
  });
  app.setNotFoundHandler(() => {
    throw nothingThere();
  });
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));
  // As a plugin: what is set above holds for its routes.
  app.register((routes, _options, done) => {
    addRoutes(routes.withTypeProvider<ZodTypeProvider>(), options);
    done();
  });
  return app;
}

function addRoutes(app: AdminApp, options: AdminAppOptions): void {
  healthRoutes(app, options);
  openApiRoutes(app, options);
  sessionRoutes(app, options);
  siteRoutes(app, options);
  bootRoutes(app, options);
  captureRoutes(app, options);
  codeRoutes(app);
  artifactRoutes(app, options);
  decisionRoutes(app, options);
  leaseRoutes(app, options);
  nodeRoutes(app, options);
  eventRoutes(app, options);
  const { dashboardFolder } = options;
  if (dashboardFolder !== null) dashboardRoutes(app, dashboardFolder);
}

/** Why a request is not answered; null when it may be. */
function objection(
  request: FastifyRequest,
  reply: FastifyReply,
  options: AdminAppOptions,
  methods: RouteMethods,
): ApiError | null {
  if (repeatsHost(request.raw.rawHeaders)) {
    return new ApiError(400, "BAD_REQUEST", "the request has two Host lines");
  }
  const foreign = foreignObjection(request, options);
  if (foreign !== null) return foreign;
  if (openPaths.has(request.routeOptions.url)) return typeObjection(request);
  const { access } = accessOf(request.headers, options);
  if (access === "none") {
    reply.header("www-authenticate", 'Bearer realm="eim-pxe"');
    return new ApiError(
      401,
      "UNAUTHORIZED",
      "present the token of admin.tokenFile as bearer token, or sign in with it on the dashboard",
    );
  }
  const other = request.is404 ? methodObjection(request, reply, methods) : null;
  const wrong = other ?? typeObjection(request);
  if (wrong !== null || access === "write" || !changes(request)) return wrong;
  return new ApiError(
    403,
    "READ_ONLY",
    "the token of admin.readTokenFile may only read: present that of admin.tokenFile to change something",
  );
}

/** That the path is there, and takes other methods (RFC 9110 15.5.6); null: it is not there. */
function methodObjection(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  methods: RouteMethods,
): ApiError | null {
  const allowed = methods.of(url.replace(/[?#].*/s, ""));
  if (allowed.length === 0) return null;
  reply.header("allow", allowed.join(", "));
  return new ApiError(
    405,
    "METHOD_NOT_ALLOWED",
    `this path takes ${allowed.join(", ")}, not ${printable(method, 20)}`,
  );
}

function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const { status, reply: body } = answerTo(thrown);
  return reply.code(status).send(body);
}
