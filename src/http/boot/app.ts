import { parse } from "node:querystring";
import { fastify, type FastifyInstance } from "fastify";
import { messageOf } from "../../lib/errors.ts";
import { type BootAppOptions, refuse, refuseUnknown } from "./context.ts";
import { errorStatus } from "../error-status.ts";
import { withoutCompilers } from "../own-compilers.ts";
import { repeatsHost } from "../repeated-host.ts";
import type { QuickAnswer } from "../connections/connection-options.ts";
import { BootScripts } from "./boot-scripts.ts";
import { quickArtifacts } from "./quick/artifacts.ts";
import { quickScripts } from "./quick/scripts.ts";
import { artifactRoutes } from "./routes/artifacts.ts";
import { assetRoutes } from "./routes/assets.ts";
import { beaconRoutes } from "./routes/beacons.ts";
import { isoRoutes } from "./routes/iso.ts";
import { loaderRoutes } from "./routes/loaders.ts";
import { scriptRoutes } from "./routes/script.ts";
import { smeeRoutes } from "./routes/smee.ts";

export type { BootAppOptions } from "./context.ts";

/** The port that machines see: boot content only, read-only. It listens when `listen` of `http/listen.ts` is called. */
export interface BootApp {
  readonly app: FastifyInstance;
  /** What is asked for most often, answered without the framework. */
  readonly quick: QuickAnswer;
}

export function createBootApp(options: BootAppOptions): BootApp {
  const app = fastify({
    logger: false,
    ...withoutCompilers,
    // HEAD is answered by the same handlers, which then report nothing.
    exposeHeadRoutes: false,
    // Reports from scripts are the only bodies here.
    bodyLimit: 4096,
    // File names have up to 255 bytes. Scripts join URLs by hand, so `//` is one slash.
    routerOptions: {
      maxParamLength: 255,
      ignoreDuplicateSlashes: true,
      // iPXE's `uristring` leaves a plus as it is (RFC 3986): of a serial number it is no blank.
      querystringParser: (text) => parse(text.replaceAll("+", "%2B")),
    },
    // Scripts and firmware send a few hundred bytes.
    http: { maxHeaderSize: 8192 },
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      // 414: longer than the name of any file.
      const status = errorStatus(error) === 414 ? 404 : errorStatus(error);
      const reason = status === 404 ? "not found" : "the request is malformed";
      refuse(options, request, reply, { status, reason });
    },
  });
  app.addHook("onRequest", (request, reply, done) => {
    if (repeatsHost(request.raw.rawHeaders)) {
      refuse(options, request, reply, { status: 400, reason: "the request has two Host lines" });
    } else done();
  });
  app.setNotFoundHandler((request, reply) => refuseUnknown(options, request, reply));
  app.setErrorHandler((error, request, reply) => {
    const status = errorStatus(error);
    const reason = messageOf(error);
    const text = status < 500 ? reason : "the server failed to answer";
    return refuse(options, request, reply, { status, reason, text });
  });
  // iPXE and small tools send forms, whatever type they call it.
  app.removeContentTypeParser("text/plain");
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });
  const context = { ...options, scripts: new BootScripts(options) };
  scriptRoutes(app, context);
  artifactRoutes(app, options);
  assetRoutes(app, options);
  loaderRoutes(app, options);
  beaconRoutes(app, options);
  if (options.iso != null) isoRoutes(app, options, options.iso);
  if (options.smee !== null) smeeRoutes(app, context, options.smee);
  const [quickScript, quickArtifact] = [quickScripts(context), quickArtifacts(options)];
  const quick: QuickAnswer = (asked, peer) =>
    quickScript(asked, peer) ?? quickArtifact(asked, peer);
  return { app, quick };
}
