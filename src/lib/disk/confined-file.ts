import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { sep } from "node:path";
import { errnoOf } from "../errors.ts";

/** A regular file that is open, as it was then. */
export interface ConfinedFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/** Whether a path lies in a folder; both are real paths. */
export function isWithin(folder: string, path: string): boolean {
  return path.startsWith(folder === sep ? sep : folder + sep);
}

// A FIFO must not keep the thread that opens it, and a link that took the file's place is not followed.
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** The file is gone, or something else has taken its place: a link, a folder in the path, a socket. */
const gone: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ENODEV"]);

/**
 * Opens a regular file that was found in a folder; null when it is not there any more. What is open is looked at
 * once more: between finding and opening, a link may have taken the place of a folder on the way.
 *
 * @param folder a real path
 * @param path the file's real path, in that folder
 * @throws the file system's error
 */
export async function openConfined(folder: string, path: string): Promise<ConfinedFile | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (thrown) {
    if (gone.has(errnoOf(thrown) ?? "")) return null;
    throw thrown;
  }
  try {
    const stats = await handle.stat();
    if (stats.isFile() && isWithin(folder, await openedPath(handle, path))) {
      return { handle, stats };
    }
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
  await handle.close();
  return null;
}

/** Where an open file is; without `/proc`, where its name leads now. */
async function openedPath({ fd }: FileHandle, path: string): Promise<string> {
  try {
    return await readlink(`/proc/self/fd/${fd}`);
  } catch {
    return realpath(path).catch(() => "");
  }
}
