import { endpoints } from "../../../api/endpoints.ts";
import type { SiteReply } from "../../../api/site.ts";
import { statusOf } from "../../../timeline/rules.ts";
import { bootsByHour, stageMedians } from "../../../timeline/site/medians.ts";
import { printable } from "../../../lib/bytes.ts";
import { ConfigError } from "../../../lib/errors.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** Boots that came up, which the medians are made of. */
const medianBoots = 200;
const shownHours = 24;

type BootFigures = Pick<SiteReply, "medians" | "hours">;

/** How long figures of all boots are as good as new ones, however many people look. */
const figuresMs = 2000;

/** `/api/v1/site`: whether a machine could boot now, and what is known of the site. */
export function siteRoutes(app: AdminApp, options: AdminAppOptions): void {
  const { sessions, clock } = options;
  let latest: { readonly figures: BootFigures; readonly atMs: number } | null = null;

  const figures = (): BootFigures => {
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
      const nowMs = clock.now();
      const machines = { booting: 0, up: 0, stalled: 0, denied: 0, local: 0 };
      for (const boot of sessions.current()) machines[statusOf(boot, nowMs)] += 1;
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
        ...figures(),
        machines,
      };
    },
  });
}

function figuresOf({ sessions, clock }: AdminAppOptions): BootFigures {
  const cameUp = sessions.newest(medianBoots, ({ stage }) => stage === "micro-os");
  return {
    medians: stageMedians(cameUp),
    hours: bootsByHour(sessions.list(), clock.wall(), shownHours).map(
      ({ startedWallMs, ...counts }) => ({
        startedAt: new Date(startedWallMs).toISOString(),
        ...counts,
      }),
    ),
  };
}
