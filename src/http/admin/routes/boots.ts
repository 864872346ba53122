import type { BootReply } from "../../../api/boots.ts";
import { endpoints } from "../../../api/endpoints.ts";
import { type BootEvidence, explainStall, statusOf } from "../../../timeline/rules.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** `/api/v1/boots`: the timelines, newest first; `?mac=` for one machine. */
export function bootRoutes(app: AdminApp, { sessions, clock }: AdminAppOptions): void {
  app.route({
    ...endpoints.listBoots,
    handler: ({ query }) => {
      const nowMs = clock.now();
      const listed = sessions
        .list()
        .filter(({ mac }) => query.mac === undefined || mac === query.mac);
      return { boots: listed.map((boot) => describeBoot(sessions.evidence(boot, nowMs), nowMs)) };
    },
  });
}

/** A boot as people and scripts see it: times in ISO 8601, durations in milliseconds. */
function describeBoot(evidence: BootEvidence, nowMs: number): BootReply {
  const { boot } = evidence;
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
    steps: boot.steps.map(({ stage, firstAtMs, count, detail }) => ({
      stage,
      at: wall(firstAtMs),
      afterMs: Math.round(firstAtMs - boot.startedAtMs),
      count,
      detail,
    })),
  };
}
