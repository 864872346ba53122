import { type FileHandle, open, rename, rm } from "node:fs/promises";

export interface ReplaceOptions {
  /** Permissions of the new file. Default: 0o640. */
  readonly mode?: number;
  /** Tells writers apart that may replace the same file at the same time. Default: `new`. */
  readonly suffix?: string;
  /** Whether the new content is on the disk, power cut or not, before it takes the name. Default: yes. */
  readonly durable?: boolean;
}

/**
 * Writes a file whole or not at all: readers see the former content or the new one. Throws when the disk
 * refuses, and leaves nothing behind then.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  const { file } = await replaceOpen(path, (fresh) => fresh.appendFile(content), options);
  await file.close();
}

/**
 * The same for a file that is written piece by piece. It stays open for appending, under its name; the
 * caller closes it.
 *
 * @param write puts the whole content into the new file, which has another name as yet
 */
export async function replaceOpen<T>(
  path: string,
  write: (file: FileHandle, fresh: string) => Promise<T>,
  { mode = 0o640, suffix = "new", durable = true }: ReplaceOptions = {},
): Promise<{ readonly file: FileHandle; readonly result: T }> {
  const fresh = `${path}.${suffix}`;
  const file = await open(fresh, "a", mode);
  try {
    // One may be left over from a crash.
    await file.truncate(0);
    const result = await write(file, fresh);
    if (durable) await file.sync();
    await rename(fresh, path);
    return { file, result };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(fresh, { force: true }).catch(() => {});
    throw error;
  }
}

/** Puts a file's content, or a folder's entries, on the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
