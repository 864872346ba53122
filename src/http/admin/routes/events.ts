import type { FastifyReply } from "fastify";
import { endpoints } from "../../../api/endpoints.ts";
import type { ResetEvent } from "../../../api/events.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions, StreamedEvent } from "../context.ts";
import { EventMemory } from "../event-memory.ts";
import { after, every } from "../timers.ts";

type RawReply = FastifyReply["raw"];

const maxStreams = 32;
/** Events that are remembered for readers whose connection broke. */
const rememberedEvents = 2048;
/** What happens within this time goes out together, however many events and streams there are. */
const gatherMs = 20;
/** No more than these are gathered. */
const gatherEvents = 256;
// A reader that is this far behind is cut off; it connects again and goes on where it stopped.
const maxBacklogBytes = 4 * 1024 * 1024;
// Proxies close a connection that is silent for a minute.
const keepAliveMs = 15_000;

const reset: ResetEvent = {
  event: "reset",
  reason: "what happened since is not all remembered: read the lists again",
};

/** `/api/v1/events`: every event as it happens, as server-sent events of one JSON object each. */
export function eventRoutes(app: AdminApp, options: AdminAppOptions): void {
  const memory = new EventMemory(options.instance, rememberedEvents, options.configFile);
  const streams = new Set<RawReply>();
  /** All streams have got the events up to this one. */
  let sent = 0;
  let stopGathering: (() => void) | null = null;

  const write = (text: string): void => {
    // Shared by all: who reads slowly costs no copy.
    const bytes = Buffer.from(text);
    for (const raw of streams) {
      if (raw.destroyed || raw.writableEnded) continue;
      if (raw.writableLength > maxBacklogBytes) raw.destroy();
      else raw.write(bytes);
    }
  };
  const flush = (): void => {
    stopGathering?.();
    stopGathering = null;
    if (streams.size > 0 && sent < memory.sequence) write(memory.textAfter(sent));
    sent = memory.sequence;
  };
  const hear = (event: StreamedEvent): void => {
    memory.add(event);
    if (streams.size === 0) return;
    if (memory.sequence - sent >= gatherEvents) flush();
    else stopGathering ??= after(gatherMs, flush);
  };

  let stops: readonly (() => void)[] = [];
  app.addHook("onReady", (done) => {
    const stopOthers = options.elsewhere?.subscribe(hear) ?? (() => {});
    stops = [
      options.subscribe(hear),
      stopOthers,
      every(keepAliveMs, () => write(": still here\n\n")),
    ];
    done();
  });

  app.route({
    ...endpoints.streamEvents,
    exposeHeadRoute: false,
    handler: (request, reply) => {
      if (streams.size >= maxStreams) {
        throw new ApiError(503, "TOO_MANY_STREAMS", `${maxStreams} streams are open already`);
      }
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      // The others are brought to where this one begins.
      flush();
      raw.write(beginningFor(request.headers["last-event-id"], memory));
      streams.add(raw);
      raw.once("close", () => streams.delete(raw));
      // A client that went away before the listener was there.
      if (request.raw.destroyed) raw.destroy();
    },
  });

  // Streams never end by themselves; closing the server must not wait for them.
  app.addHook("preClose", (done) => {
    for (const stop of stops) stop();
    flush();
    for (const raw of streams) raw.end();
    done();
  });
}

/** What a new stream begins with: an identifier to resume from, and what its reader missed. */
function beginningFor(lastId: unknown, memory: EventMemory): string {
  const id = `id: ${memory.idOf(memory.sequence)}\n`;
  if (typeof lastId !== "string") return `: every event from now on\n${id}\n`;
  const sequence = memory.sequenceOf(lastId);
  if (sequence === null) return `${id}event: reset\ndata: ${JSON.stringify(reset)}\n\n`;
  return `: every event since ${lastId}\n\n${memory.textAfter(sequence)}`;
}
