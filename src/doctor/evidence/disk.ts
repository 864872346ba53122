import { constants } from "node:fs";
import { access, readdir, readFile, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MANIFEST_NAME, parseManifest } from "../../artifacts/store/manifest.ts";
import { errnoOf, messageOf } from "../../lib/errors.ts";

/** The disk under the data folder. */
export interface DiskState {
  readonly folder: string;
  readonly freeBytes: number;
  /** What a new generation takes, besides a reserve. */
  readonly neededBytes: number;
  /** Null where the file system has no such limit. */
  readonly freeInodes: number | null;
  readonly inMemory: boolean;
  /** Why the folder cannot be written; null: it can. */
  readonly reason: string | null;
  /** A file that stands where it or a folder above it has to be; null: none does. */
  readonly file: string | null;
}

const TMPFS_MAGIC = 0x01021994;
/** The orchestrator's Micro-OS, where no generation tells its size. */
const USUAL_GENERATION_BYTES = 700e6;
/** What a synchronisation leaves free, and room for leases, timelines and the log. */
const RESERVE_BYTES = 64e6;

export async function lookAtDisk(folder: string): Promise<readonly DiskState[]> {
  const { there, file } = await nearest(folder);
  const { bavail, bsize, files, ffree, type } = await statfs(there);
  const reason = await access(there, constants.W_OK | constants.X_OK).then(
    () => null,
    (error: unknown) => errnoOf(error) ?? messageOf(error),
  );
  return [
    {
      folder,
      freeBytes: bavail * bsize,
      neededBytes: ((await generationBytes(folder)) ?? USUAL_GENERATION_BYTES) + RESERVE_BYTES,
      freeInodes: files === 0 ? null : ffree,
      inMemory: type === TMPFS_MAGIC,
      reason,
      file,
    },
  ];
}

/** The folder, or the nearest above it that is there: it is made when the server starts. */
async function nearest(
  folder: string,
): Promise<{ readonly there: string; readonly file: string | null }> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() === true || folder === dirname(folder)) {
    return { there: folder, file: null };
  }
  const above = await nearest(dirname(folder));
  return found === null ? above : { ...above, file: folder };
}

/** Bytes of the largest generation; null: there is none. */
async function generationBytes(folder: string): Promise<number | null> {
  const at = join(folder, "artifacts", "generations");
  const names = await readdir(at).catch(() => []);
  const sizes = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(at, name, MANIFEST_NAME), "utf8").catch(() => "");
      return (parseManifest(text)?.files ?? []).reduce((sum, { size }) => sum + size, 0);
    }),
  );
  const largest = Math.max(0, ...sizes);
  return largest === 0 ? null : largest;
}
