import type { FastifyReply } from "fastify";
import { endpoints } from "../../../api/endpoints.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";
import { every } from "../every.ts";

type RawReply = FastifyReply["raw"];

const maxStreams = 32;
// A reader that is this far behind is cut off; it connects again and starts from now.
const maxBacklogBytes = 1024 * 1024;
// Proxies close a connection that is silent for a minute.
const keepAliveMs = 15_000;

/** `/api/v1/events`: every event as it happens, as server-sent events of one JSON object each. */
export function eventRoutes(app: AdminApp, options: AdminAppOptions): void {
  const open = new Set<RawReply>();

  app.route({
    ...endpoints.streamEvents,
    exposeHeadRoute: false,
    handler: (request, reply) => {
      if (open.size >= maxStreams) {
        throw new ApiError(503, "TOO_MANY_STREAMS", `${maxStreams} streams are open already`);
      }
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      raw.write(": every event from now on\n\n");
      const write = (text: string): void => {
        if (raw.destroyed || raw.writableEnded) return;
        if (raw.writableLength > maxBacklogBytes) raw.destroy();
        else raw.write(text);
      };
      const unsubscribe = options.subscribe((event) => write(`data: ${JSON.stringify(event)}\n\n`));
      const stop = every(keepAliveMs, () => write(": still here\n\n"));
      open.add(raw);
      raw.once("close", () => {
        open.delete(raw);
        unsubscribe();
        stop();
      });
      // A client that went away before the listener was there.
      if (request.raw.destroyed) raw.destroy();
    },
  });

  // Streams never end by themselves; closing the server must not wait for them.
  app.addHook("preClose", (done) => {
    for (const raw of open) raw.end();
    done();
  });
}
