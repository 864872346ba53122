import type { ArtifactsReply } from "../api/artifacts.ts";
import { endpoints } from "../api/endpoints.ts";
import { adopt } from "../artifacts/store/bundle.ts";
import { type GenerationStore, openGenerationStore } from "../artifacts/store/generation-store.ts";
import { mirroredFiles } from "../config/schema.ts";
import { systemClock } from "../lib/clock.ts";
import { SyncError } from "../lib/errors.ts";
import type { AdminClient } from "./shared/admin-client.ts";
import { artifactFolder, assetsOf } from "../daemon/content/mirror.ts";
import { loadersOf } from "../daemon/content/loaders.ts";
import type { Settings } from "../daemon/settings/settings.ts";
import type { FolderLock } from "../daemon/state/data-folder-lock.ts";
import type { Program } from "./shared/context.ts";
import { openMirrorFolder } from "./shared/data-folder.ts";

/** What can be done with the generations: by the server that runs on the data folder, or by this command itself. */
export interface ArtifactAccess {
  /** Generations newest first, and the loaders. */
  list(): Promise<ArtifactsReply>;
  /** What is wrong with each generation that is damaged. */
  verify(): Promise<Readonly<Record<string, string>>>;
  pin(generation: string | null): Promise<void>;
  /** Makes a generation of what was staged; returns its id. */
  adopt(word: string): Promise<string>;
  close(): Promise<void>;
}

/** @throws SyncError when the folder is in use by another command, UnreachableError when its server is silent */
export async function openArtifacts(
  program: Program,
  settings: Settings,
  purpose: string,
): Promise<ArtifactAccess> {
  const { admin, lock } = await openMirrorFolder(program, settings, purpose);
  return admin === null ? openLocal(settings, lock) : askedOfServer(admin);
}

async function openLocal({ config }: Settings, lock: FolderLock): Promise<ArtifactAccess> {
  const problems: Record<string, string> = {};
  const directory = artifactFolder(config);
  let store: GenerationStore;
  try {
    store = await openGenerationStore({
      directory,
      keepGenerations: config.artifacts.keepGenerations,
      inUse: () => new Set(),
      clock: systemClock,
      emit: (event) => {
        if (event.event !== "generation-damaged" && event.event !== "generation-unread") return;
        problems[event.generation] = event.reason;
      },
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
  return {
    list: async () => {
      const current = store.current()?.id ?? null;
      return {
        current,
        pinned: store.pinned,
        generations: store.list().map((one) => ({ ...one, current: one.id === current })),
        loaders: await loadersOf(config, { store, isHandedOut: () => false }).identify(),
        assets: config.assets.directory === null ? null : await assetsOf(config.assets.directory),
      };
    },
    verify: () => Promise.resolve(problems),
    pin: (generation) => store.pin(generation),
    adopt: async (word) => {
      const { sha256 } = config.artifacts;
      return (await adopt(store, directory, word, { files: mirroredFiles(config), sha256 })).id;
    },
    close: async () => {
      await store.close();
      await lock.release();
    },
  };
}

function askedOfServer(admin: AdminClient): ArtifactAccess {
  return {
    list: async () => orFail(await admin.ask(endpoints.listArtifacts)),
    verify: async () => orFail(await admin.ask(endpoints.verifyArtifacts)).damaged,
    pin: async (generation) => {
      orFail(await admin.ask(endpoints.pinArtifacts, { body: { generation } }));
    },
    adopt: async (word) =>
      orFail(await admin.ask(endpoints.adoptArtifacts, { body: { import: word } })).generation,
    close: () => Promise.resolve(),
  };
}

/** @throws SyncError with what the server says is wrong */
function orFail<T extends object>(answer: T | string): T {
  if (typeof answer === "string") throw new SyncError(`the server answered: ${answer}`);
  return answer;
}
