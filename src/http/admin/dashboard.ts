import { fastifyStatic } from "@fastify/static";
import type { AdminApp } from "./context.ts";

/*
 * The page that people open: files made by `npm run build`, compressed there. Names below /dashboard/ change
 * with their content, so a browser keeps them; the page itself is asked for each time.
 */

/** Where the page is; no other path needs no token. */
export const dashboardPaths = ["/", "/dashboard/*"] as const;

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

/** Serves the page that was built into this folder. */
export function dashboardRoutes(app: AdminApp, folder: string): void {
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
  app.get("/", { schema: { hide: true } }, (_request, reply) => {
    reply.header("cache-control", "no-cache");
    return reply.sendFile("index.html", folder, { cacheControl: false });
  });
}
