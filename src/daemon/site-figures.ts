import { statfs } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { GenerationStore } from "../artifacts/store/generation-store.ts";
import type { SiteReply } from "../api/site.ts";
import type { Clock } from "../lib/clock.ts";
import { inTurns } from "../lib/lists/turns.ts";
import { packageVersion } from "./settings/package.ts";
import type { SiteFigures } from "../observe/site-metrics.ts";
import type { BootSessions } from "../timeline/boots.ts";
import { machinesByStatus } from "../timeline/rules.ts";
import type { LinkListeners } from "./links/listeners.ts";
import type { SiteNotes } from "./site-notes.ts";

const COUNTED_IN_ONE_TURN = 1000;

export interface FigureParts {
  readonly sessions: BootSessions;
  readonly store: GenerationStore;
  readonly listeners: Pick<LinkListeners, "http" | "tftp">;
  readonly dataDir: string;
  readonly clock: Clock;
}

/** What the metrics of the site are made of. */
export function siteFigures(parts: FigureParts, notes: SiteNotes): SiteFigures {
  const { sessions, store, listeners, dataDir, clock } = parts;
  return {
    version: packageVersion(),
    machines: () =>
      inTurns(machinesByStatus(sessions.current(), clock.now()), COUNTED_IN_ONE_TURN, nextTurn),
    generation: () => {
      const current = store.current();
      if (current === null) return null;
      const { createdAt, files } = current.manifest;
      const bytes = files.reduce((sum, { size }) => sum + size, 0);
      return { createdAtMs: Date.parse(createdAt), bytes };
    },
    generations: () => store.list().length,
    lastSyncAtMs: () => {
      const at = notes.origin()?.lastSyncAt ?? null;
      return at === null ? null : Date.parse(at);
    },
    disk: () => diskOf(dataDir),
    http: () => {
      const { busy, idle } = listeners.http.counts();
      return { open: busy + idle, limit: listeners.http.limits.connections };
    },
    tftp: () => listeners.tftp?.transfers ?? null,
  };
}

/** How full the disk of a folder is; null when it cannot be read. */
export async function diskOf(folder: string): Promise<SiteReply["disk"]> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { folder, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null;
  }
}
