import type { SyncReply } from "../api/artifacts.ts";
import { endpoints } from "../api/endpoints.ts";
import { openGenerationStore } from "../artifacts/store/generation-store.ts";
import { systemClock } from "../lib/clock.ts";
import { SyncError, UnreachableError } from "../lib/errors.ts";
import { eventCatalogue } from "../events/catalogue.ts";
import type { PxeEvent } from "../events/types.ts";
import type { AdminClient } from "./shared/admin-client.ts";
import { artifactFolder, mirrorFor } from "../daemon/content/mirror.ts";
import { loadSettings, type Settings } from "../daemon/settings/settings.ts";
import type { FolderLock } from "../daemon/state/data-folder-lock.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";
import { openMirrorFolder } from "./shared/data-folder.ts";
import { proxyEnvironment } from "../daemon/settings/environment.ts";
import { sizeInWords, ProgressLine } from "./shared/progress.ts";
import { withConfig } from "../events/own-commands.ts";

/** `eim-pxe sync`: one synchronisation, by the server that runs on the same data folder if there is one. */
export async function sync(program: Program, { config, json }: ReportOptions): Promise<number> {
  const settings = loadSettings(config, program.environment);
  const shown = new Set<string>();
  try {
    const { admin, lock } = await openMirrorFolder(program, settings, "sync");
    const result =
      admin === null
        ? await syncHere(program, settings, lock, { quiet: json, shown })
        : await askServer(admin);
    const { generation } = result;
    const whatChanged =
      admin === null
        ? `Generation ${generation} is here; the server serves it when it is started (eim-pxe serve).`
        : `The server now serves generation ${generation}.`;
    const text = result.changed
      ? whatChanged
      : `The mirror is up to date: generation ${generation}.`;
    program.out.write(`${json ? JSON.stringify(result) : withConfig(text, config)}\n`);
    return ExitCode.ok;
  } catch (error) {
    // Whatever was in the way: nothing was synchronised, and what there was stays.
    if (!(error instanceof SyncError || error instanceof UnreachableError)) throw error;
    const message = withConfig(error.message, config);
    if (json) program.out.write(`${JSON.stringify({ error: message })}\n`);
    // What several origins answered was shown as it came.
    else if (!shown.has(error.message)) program.err.write(`${message}\n`);
    return ExitCode.syncFailed;
  }
}

/** What the running server made of it. */
async function askServer(admin: AdminClient): Promise<SyncReply> {
  const answer = await admin.ask(endpoints.sync);
  if (typeof answer === "string") throw new SyncError(`the server answered: ${answer}`);
  return answer;
}

interface Shown {
  readonly quiet: boolean;
  /** What the user has read already. */
  readonly shown: Set<string>;
}

async function syncHere(
  program: Program,
  settings: Settings,
  lock: FolderLock,
  how: Shown,
): Promise<SyncReply> {
  try {
    return await syncLocked(program, settings, how);
  } finally {
    await lock.release();
  }
}

async function syncLocked(
  program: Program,
  settings: Settings,
  { quiet, shown }: Shown,
): Promise<SyncReply> {
  const terminal = program.errIsTerminal && !quiet;
  const line = new ProgressLine(program.err, () => systemClock.now());
  const emit = (event: PxeEvent) => {
    if (quiet) return;
    if (event.event === "sync-file") {
      line.clear();
      program.err.write(
        `${event.file}: ${sizeInWords(event.bytes)} in ${(event.durationMs / 1000).toFixed(1)} s\n`,
      );
    } else if (event.event === "origin-untrusted") {
      line.clear();
      shown.add(event.reason);
      program.err.write(`${event.reason}\n`);
    } else if (event.event !== "sync-failed") {
      // The failure itself is what the command ends with.
      const { level, message } = eventCatalogue[event.event];
      const isProgress = event.event === "sync-progress" && !terminal;
      if (level !== "warn" && level !== "error" && !isProgress) return;
      line.clear();
      program.err.write(`${message}: ${details(event)}\n`);
    }
  };
  const clock = systemClock;
  const store = await openGenerationStore({
    directory: artifactFolder(settings.config),
    keepGenerations: settings.config.artifacts.keepGenerations,
    inUse: () => new Set(),
    emit,
    clock,
  });
  const environment = proxyEnvironment(program.environment);
  const mirror = mirrorFor(settings, store, environment, { emit, clock });
  if (mirror === null) {
    throw new SyncError("artifacts.origin is not set: name the orchestrator's URL there");
  }
  const stops = (["SIGTERM", "SIGINT"] as const).map((signal) =>
    program.onSignal(signal, () => void mirror.close()),
  );
  try {
    return await mirror.sync(undefined, terminal ? line.update : undefined);
  } finally {
    line.clear();
    for (const stop of stops) stop();
    await mirror.close();
  }
}

/** `file initramfs-x86_64, delayMs 1000` */
function details(event: PxeEvent): string {
  return Object.entries(event)
    .filter(([name]) => name !== "event")
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");
}
