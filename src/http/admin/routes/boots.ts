import { z } from "zod";
import type { BootsQuery } from "../../../api/boots.ts";
import { endpoints } from "../../../api/endpoints.ts";
import { printable } from "../../../lib/bytes.ts";
import type { Boot } from "../../../timeline/boot.ts";
import { statusOf } from "../../../timeline/rules.ts";
import { firstWanted } from "../../../lib/lists/turns.ts";
import { ApiError } from "../api-error.ts";
import { describeBoot, givenReply } from "../boot-reply.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";
import { describedEach, lookedThrough } from "../timers.ts";

/** An event as it is kept with its boot. */
const keptEvent = z.looseObject({ at: z.string(), event: z.string() });

/** `/api/v1/boots`: the timelines, newest first, in pages; `/api/v1/boots/{id}`: one of them with its events. */
export function bootRoutes(app: AdminApp, options: AdminAppOptions): void {
  const { sessions, clock } = options;
  app.route({
    ...endpoints.listBoots,
    handler: async ({ query }) => {
      const nowMs = clock.now();
      const found = await wantedBoots(options, query, nowMs);
      const boots = found.slice(0, query.limit);
      const last = boots.at(-1);
      return {
        boots: await describedEach(boots, (boot) => describeBoot(options, boot, nowMs)),
        next: found.length > boots.length && last !== undefined ? `${last.number}` : null,
      };
    },
  });

  app.route({
    ...endpoints.showBoot,
    handler: ({ params }) => {
      const boot = sessions.byId(params.id);
      if (boot === null) {
        throw new ApiError(404, "NOT_FOUND", `no boot is kept as ${printable(params.id)}`);
      }
      const events = sessions.eventsOf(boot).map((text) => keptEvent.parse(JSON.parse(text)));
      const packets = options.captures.packetsOf(boot) ?? [];
      const given = givenReply(boot);
      return { ...describeBoot(options, boot, clock.now()), given, events, packets };
    },
  });
}

/** One more than the page has, where there are more. */
async function wantedBoots(
  { sessions }: AdminAppOptions,
  query: BootsQuery,
  nowMs: number,
): Promise<readonly Boot[]> {
  const { mac, limit, cursor = Infinity } = query;
  const isNext = (boot: Boot) =>
    isWanted(boot, query, nowMs) &&
    (!query.latest || sessions.latest(boot)?.number === boot.number);
  if (mac === undefined) {
    return lookedThrough(firstWanted(sessions.newestFirst(cursor), limit + 1, isNext));
  }
  return mac
    .flatMap((one) => sessions.bootsOf(one))
    .filter((boot) => boot.number < cursor && isNext(boot))
    .toSorted((a, b) => b.number - a.number);
}

function isWanted(boot: Boot, query: BootsQuery, nowMs: number): boolean {
  const { status, stage, since } = query;
  return (
    (stage === undefined || boot.stage === stage) &&
    (since === undefined || boot.startedWallMs >= since) &&
    (status === undefined || statusOf(boot, nowMs) === status)
  );
}
