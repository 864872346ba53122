import { z } from "zod";
import { adopt } from "../artifacts/store/bundle.ts";
import { type GenerationStore, openGenerationStore } from "../artifacts/store/generation-store.ts";
import { mirroredFiles } from "../config/schema.ts";
import { systemClock } from "../lib/clock.ts";
import { SyncError } from "../lib/errors.ts";
import { type AdminClient, findAdmin } from "./shared/admin-client.ts";
import { artifactFolder } from "../daemon/content/mirror.ts";
import { loadersOf } from "../daemon/content/loaders.ts";
import type { Settings } from "../daemon/settings/settings.ts";
import { lockForCommand } from "../daemon/state/data-folder-lock.ts";
import type { Program } from "./shared/context.ts";

const listing = z.object({
  current: z.string().nullable(),
  pinned: z.string().nullable(),
  generations: z
    .array(
      z.object({
        id: z.string(),
        manifest: z.object({
          origin: z.string(),
          createdAt: z.string(),
          files: z
            .array(z.object({ name: z.string(), size: z.number(), sha256: z.string() }))
            .readonly(),
        }),
      }),
    )
    .readonly(),
  loaders: z
    .array(
      z.object({
        name: z.string(),
        path: z.string(),
        size: z.number(),
        facts: z.object({
          format: z.enum(["efi", "bios"]),
          machine: z.string().nullable(),
          signed: z.boolean(),
          ipxeVersion: z.string().nullable(),
          embedded: z.enum(["script", "smee-marker"]).nullable(),
        }),
      }),
    )
    .readonly(),
});
/** Generations, newest first. */
export type Listing = z.output<typeof listing>;

/** What can be done with the generations, by whoever works in the data folder: the running server, or this command. */
export interface ArtifactAccess {
  list(): Promise<Listing>;
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
  const admin = await findAdmin(settings);
  return admin === null ? openLocal(program, settings, purpose) : askedOfServer(admin);
}

async function openLocal(
  program: Program,
  { config }: Settings,
  purpose: string,
): Promise<ArtifactAccess> {
  const lock = await lockForCommand(program, config.dataDir, purpose);
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
    list: async () => ({
      current: store.current()?.id ?? null,
      pinned: store.pinned,
      generations: store.list(),
      loaders: await loadersOf(config, { store, isHandedOut: () => false }).identify(),
    }),
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
  const ask = async <T extends object>(
    method: "GET" | "POST",
    path: string,
    shape: z.ZodType<T>,
    body: object | null = null,
  ): Promise<T> => {
    const answer = await admin.ask(method, `/api/v1/artifacts${path}`, shape, body);
    if (typeof answer === "string") throw new SyncError(`the server answered: ${answer}`);
    return answer;
  };
  return {
    list: () => ask("GET", "", listing),
    verify: async () => {
      const shape = z.object({ damaged: z.record(z.string(), z.string()) });
      return (await ask("POST", "/verify", shape)).damaged;
    },
    pin: async (generation) => {
      await ask("POST", "/pin", z.object({ current: z.string().nullable() }), { generation });
    },
    adopt: async (word) => {
      const shape = z.object({ generation: z.string() });
      return (await ask("POST", "/adopt", shape, { import: word })).generation;
    },
    close: () => Promise.resolve(),
  };
}
