import { z } from "zod";
import { type BootCursor, type BootsQuery, fromTheNewest } from "../../../api/boots.ts";
import { endpoints } from "../../../api/endpoints.ts";
import { printable } from "../../../lib/bytes.ts";
import type { Boot } from "../../../timeline/boot.ts";
import { statusOf } from "../../../timeline/rules.ts";
import { firstWanted } from "../../../lib/lists/turns.ts";
import { ApiError } from "../api-error.ts";
import { AllBoots, inOrder, type SeenBoot } from "../all-boots.ts";
import { givenReply } from "../boot-reply.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";
import { describedEach, lookedThrough } from "../../../lib/lists/looked-through.ts";

/** An event as it is kept with its boot. */
const keptEvent = z.looseObject({ at: z.string(), event: z.string() });

/** `/api/v1/boots`: the timelines, newest first, in pages; `/api/v1/boots/{id}`: one of them with its events. */
export function bootRoutes(app: AdminApp, options: AdminAppOptions): void {
  const { sessions, clock } = options;
  const all = new AllBoots(options);
  app.route({
    ...endpoints.listBoots,
    handler: async ({ query }) => {
      const nowMs = clock.now();
      const { cursor = fromTheNewest } = query;
      const found = await wantedBoots(all, query, cursor, nowMs);
      const boots = found.slice(0, query.limit);
      return {
        boots: await describedEach(boots, (seen) => all.describe(seen, nowMs)),
        next: found.length > boots.length ? all.cursorBehind(boots, cursor) : null,
      };
    },
  });

  app.route({
    ...endpoints.showBoot,
    handler: async ({ params }) => {
      const seen = all.byId(params.id);
      if (seen === null) {
        throw new ApiError(404, "NOT_FOUND", `no boot is kept as ${printable(params.id)}`);
      }
      const { boot, server } = seen;
      const texts =
        server === null
          ? sessions.eventsOf(boot)
          : ((await options.elsewhere?.eventsOf(server.id, boot.id)) ?? []);
      const events = texts.flatMap((text) => readEvent(text) ?? []);
      const packets = server === null ? (options.captures.packetsOf(boot) ?? []) : [];
      const given = givenReply(boot);
      return { ...all.describe(seen, clock.now()), given, events, packets };
    },
  });
}

/** Another server wrote it; null: it is no event. */
function readEvent(text: string): z.output<typeof keptEvent> | null {
  try {
    return keptEvent.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** One more than the page has, where there are more. */
async function wantedBoots(
  all: AllBoots,
  query: BootsQuery,
  cursor: BootCursor,
  nowMs: number,
): Promise<readonly SeenBoot[]> {
  const { mac, limit, latest } = query;
  const isNext = (seen: SeenBoot) =>
    isWanted(seen.boot, query, nowMs) && (!latest || all.isLatest(seen));
  if (mac === undefined) {
    return lookedThrough(firstWanted(all.newestFirst(cursor), limit + 1, isNext));
  }
  return [...inOrder(mac.flatMap((one) => all.bootsOf(one, cursor)).filter(isNext))];
}

function isWanted(boot: Boot, query: BootsQuery, nowMs: number): boolean {
  const { status, stage, since } = query;
  return (
    (stage === undefined || boot.stage === stage) &&
    (since === undefined || boot.startedWallMs >= since) &&
    (status === undefined || statusOf(boot, nowMs) === status)
  );
}
