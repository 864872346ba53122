import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { explainStall, statusOf } from "../../../timeline/rules.ts";
import type { Boot } from "../../../timeline/boots.ts";
import { parseMac } from "../../../lib/mac.ts";
import { type AdminAppOptions, sendError } from "../context.ts";

const boots = z.object({ mac: z.string().optional() });

/** `/api/v1/boots`: the timelines, newest first; `?mac=` for one machine. */
export function bootRoutes(app: FastifyInstance, { sessions, clock }: AdminAppOptions): void {
  app.get("/api/v1/boots", (request, reply) => {
    const query = boots.safeParse(request.query);
    if (!query.success) return sendError(reply, 400, "BAD_REQUEST", "mac may be given once");
    const wanted = query.data.mac;
    const mac = wanted === undefined ? null : parseMac(wanted);
    if (wanted !== undefined && mac === null) {
      const message = "mac must be a hardware address such as 08:00:27:29:4e:67";
      return sendError(reply, 400, "BAD_REQUEST", message);
    }
    const nowMs = clock.now();
    const listed = sessions.list().filter((boot) => mac === null || boot.mac === mac);
    return reply.send({ boots: listed.map((boot) => describeBoot(boot, nowMs)) });
  });
}

/** A boot as people and scripts see it: times in ISO 8601, durations in milliseconds. */
function describeBoot(boot: Boot, nowMs: number) {
  const wall = (atMs: number) =>
    new Date(boot.startedWallMs + atMs - boot.startedAtMs).toISOString();
  return {
    id: boot.id,
    mac: boot.mac,
    address: boot.address,
    uuid: boot.uuid,
    serial: boot.serial,
    status: statusOf(boot, nowMs),
    stage: boot.stage,
    startedAt: wall(boot.startedAtMs),
    updatedAt: wall(boot.updatedAtMs),
    durationMs: Math.round(boot.updatedAtMs - boot.startedAtMs),
    generation: boot.generation,
    diagnosis: explainStall(boot, nowMs),
    steps: boot.steps.map(({ stage, firstAtMs, count, detail }) => ({
      stage,
      at: wall(firstAtMs),
      afterMs: Math.round(firstAtMs - boot.startedAtMs),
      count,
      detail,
    })),
  };
}
