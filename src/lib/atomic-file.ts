import { rename, rm, writeFile } from "node:fs/promises";

/**
 * Writes a file of the data folder whole or not at all: readers see the former or the new text. Throws
 * when the disk refuses, and leaves nothing behind then.
 *
 * @param suffix tells writers apart that may be at it at the same time
 */
export async function replaceFile(file: string, text: string, suffix = "new"): Promise<void> {
  const fresh = `${file}.${suffix}`;
  try {
    await writeFile(fresh, text, { mode: 0o640 });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {});
    throw error;
  }
}
