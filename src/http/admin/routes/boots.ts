import { bootCursor, type BootReply, type BootsQuery } from "../../../api/boots.ts";
import { endpoints } from "../../../api/endpoints.ts";
import { type BootEvidence, explainStall, statusOf } from "../../../timeline/rules.ts";
import { type Boot, newestFirst } from "../../../timeline/boot.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** `/api/v1/boots`: the timelines, newest first, in pages. */
export function bootRoutes(app: AdminApp, { sessions, clock }: AdminAppOptions): void {
  app.route({
    ...endpoints.listBoots,
    handler: ({ query }) => {
      const nowMs = clock.now();
      const found = sessions.newest(query.limit + 1, (boot) => isWanted(boot, query, nowMs));
      const boots = found.slice(0, query.limit);
      const last = boots.at(-1);
      return {
        boots: boots.map((boot) => describeBoot(sessions.evidence(boot, nowMs), nowMs)),
        next: found.length > boots.length && last !== undefined ? bootCursor(last) : null,
      };
    },
  });
}

function isWanted(boot: Boot, query: BootsQuery, nowMs: number): boolean {
  const { mac, status, stage, since, cursor } = query;
  return (
    (cursor === undefined || newestFirst(cursor, boot) < 0) &&
    (mac === undefined || boot.mac === mac) &&
    (stage === undefined || boot.stage === stage) &&
    (since === undefined || boot.startedWallMs >= since) &&
    (status === undefined || statusOf(boot, nowMs) === status)
  );
}

/** A boot as people and scripts see it: times in ISO 8601, durations in milliseconds. */
function describeBoot(evidence: BootEvidence, nowMs: number): BootReply {
  const { boot } = evidence;
  const { waiting } = boot.seen;
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
    diagnosis: explainStall(evidence, nowMs),
    waiting: waiting === null ? null : { ahead: waiting.ahead, since: wall(waiting.sinceMs) },
    steps: boot.steps.map(({ stage, firstAtMs, count, detail }) => ({
      stage,
      at: wall(firstAtMs),
      afterMs: Math.round(firstAtMs - boot.startedAtMs),
      count,
      detail,
    })),
  };
}
