import { endpoints } from "../../../api/endpoints.ts";
import type { SiteReply } from "../../../api/site.ts";
import type { Boot } from "../../../timeline/boot.ts";
import { machinesByStatus } from "../../../timeline/rules.ts";
import { bootsByHour, stageMedians } from "../../../timeline/site/medians.ts";
import { printable } from "../../../lib/bytes.ts";
import { ConfigError } from "../../../lib/errors.ts";
import { firstWanted } from "../../../lib/lists/turns.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";
import { lookedThrough } from "../../../lib/lists/looked-through.ts";

/** Boots that came up, which the medians are made of. */
const medianBoots = 200;
const shownHours = 24;

type BootFigures = Pick<SiteReply, "medians" | "hours">;

/** How long figures of all boots are as good as new ones, however many people look. */
const figuresMs = 2000;

/** `/api/v1/site`: whether a machine could boot now, and what is known of the site. */
export function siteRoutes(app: AdminApp, options: AdminAppOptions): void {
  const { sessions, clock } = options;
  let latest: { readonly figures: Promise<BootFigures>; readonly atMs: number } | null = null;

  const figures = (): Promise<BootFigures> => {
    const atMs = clock.now();
    if (latest === null || atMs - latest.atMs >= figuresMs) {
      latest = { figures: figuresOf(options), atMs };
    }
    return latest.figures;
  };

  app.route({
    ...endpoints.showOtherServer,
    handler: ({ params, query }) => {
      try {
        return { text: options.otherServerText(params.kind, query.interface ?? null) };
      } catch (thrown) {
        if (!(thrown instanceof ConfigError)) throw thrown;
        throw new ApiError(404, "NOT_FOUND", printable(thrown.problems.join("; "), 400));
      }
    },
  });

  app.route({
    ...endpoints.showSite,
    handler: async () => {
      const { ready, reasons, unserved } = options.readiness();
      const machines = await lookedThrough(machinesByStatus(sessions.current(), clock.now()));
      return {
        version: options.version,
        instance: options.instance,
        now: new Date(clock.wall()).toISOString(),
        configFile: options.configFile,
        ready,
        reasons,
        unserved,
        pinned: options.artifacts.pinned(),
        ...(await options.site()),
        ...(await figures()),
        machines,
      };
    },
  });
}

const isUp = ({ stage }: Boot): boolean => stage === "micro-os";

async function figuresOf({ sessions, clock }: AdminAppOptions): Promise<BootFigures> {
  const cameUp = await lookedThrough(firstWanted(sessions.newestFirst(), medianBoots, isUp));
  const since = clock.wall() - shownHours * 3_600_000;
  const isLate = ({ startedWallMs }: Boot) => startedWallMs >= since;
  const late = await lookedThrough(firstWanted(sessions.newestFirst(), Infinity, isLate));
  return {
    medians: stageMedians(cameUp),
    hours: bootsByHour(late, clock.wall(), shownHours).map(({ startedWallMs, ...counts }) => ({
      startedAt: new Date(startedWallMs).toISOString(),
      ...counts,
    })),
  };
}
