import { setTimeout as sleep } from "node:timers/promises";
import {
  FolderInUseError,
  type FolderLock,
  lockFolder,
} from "../../daemon/state/data-folder-lock.ts";
import type { Settings } from "../../daemon/settings/settings.ts";
import { SyncError } from "../../lib/errors.ts";
import { type AdminClient, findAdmin, userOf } from "./admin-client.ts";
import type { Program } from "./context.ts";

/** How long a command waits for another one that works in the folder, such as a timer's synchronisation. */
const commandPatienceMs = 60_000;
// A server holds its folder before it can be asked: while it reads what is there, or until it has ended.
const serverPatienceMs = 20_000;
const lookEveryMs = 200;

/** A data folder as a command finds it: with a server that can be asked, or free, and held by the command. */
export type DataFolder =
  | { readonly admin: AdminClient; readonly lock: null }
  | { readonly admin: null; readonly lock: FolderLock };

/**
 * Opens the configuration's data folder for a command.
 *
 * @param purpose the command, for whoever comes after it
 * @throws FolderInUseError that says who holds it, UnreachableError when its server is silent
 */
export async function openDataFolder(
  program: Pick<Program, "pid" | "environment">,
  settings: Settings,
  purpose: string,
): Promise<DataFolder> {
  const { dataDir } = settings.config;
  const deadlineMs = performance.now() + serverPatienceMs;
  for (;;) {
    const admin = await findAdmin({ ...settings, user: userOf(program) });
    if (admin !== null) return { admin, lock: null };
    try {
      const patienceMs = commandPatienceMs;
      return { admin, lock: await lockFolder({ dataDir, pid: program.pid, purpose, patienceMs }) };
    } catch (error) {
      const isServer = error instanceof FolderInUseError && error.purpose === "serve";
      if (!isServer || performance.now() >= deadlineMs) throw error;
    }
    await sleep(lookEveryMs);
  }
}

/** The same for commands of the mirror. @throws SyncError where another process holds the folder */
export async function openMirrorFolder(
  ...parts: Parameters<typeof openDataFolder>
): Promise<DataFolder> {
  try {
    return await openDataFolder(...parts);
  } catch (error) {
    if (error instanceof FolderInUseError) throw new SyncError(error.message, { cause: error });
    throw error;
  }
}
