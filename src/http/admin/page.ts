import { fastifyStatic } from "@fastify/static";
import { fastify, type FastifyInstance } from "fastify";
import { withoutCompilers } from "../own-compilers.ts";
import { answerTo, nothingThere } from "./api-error.ts";

/*
 * The page that people open, as an app of its own: files made by `npm run build`, compressed there. Names below /dashboard/
 * change with their content, so a browser keeps them; the page itself is asked for each time.
 */

/** Nothing but what we serve ourselves, and in no frame. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const securityHeaders = {
  "content-security-policy": contentPolicy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** Serves the page that was built into this folder, with `routing`. */
export async function createPage(folder: string): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    ...withoutCompilers,
    routerOptions: { maxParamLength: 1024 },
  });
  app.addHook("onRequest", (_request, reply, done) => {
    reply.headers(securityHeaders);
    done();
  });
  app.register(fastifyStatic, {
    root: `${folder}/assets`,
    prefix: "/dashboard/",
    preCompressed: true,
    index: false,
    redirect: false,
    immutable: true,
    maxAge: "365d",
  });
  app.setNotFoundHandler(() => {
    throw nothingThere();
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, reply: body } = answerTo(error);
    return reply.code(status).send(body);
  });
  app.get("/", (_request, reply) => {
    reply.header("cache-control", "no-cache");
    return reply.sendFile("index.html", folder, { cacheControl: false });
  });
  await app.ready();
  return app;
}
