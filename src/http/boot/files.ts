import { type FileHandle, open, readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { errnoOf } from "../../lib/errors.ts";

// Large reads, for a 300 MB initramfs goes to many machines at once; but a client that does not read its
// download costs twice as much memory.
const readBytes = 128 * 1024;

/** A file opened for one reply. It stays readable when it is removed meanwhile. */
export interface OpenFile {
  /** Length in bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly modifiedMs: number;
  /** The bytes from `first` to `last`, both included; closes the file at its end. To be called once. */
  stream(first: number, last: number): Readable & { readonly bytesRead: number };
  /** For a reply that needs no bytes. */
  close(): Promise<void>;
}

/** Opens a file, or null when there is no regular file at `path`. */
export async function openFile(path: string): Promise<OpenFile | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return null;
    throw thrown;
  }
  try {
    const stats = await handle.stat();
    if (stats.isFile()) {
      return {
        size: stats.size,
        modifiedMs: stats.mtimeMs,
        stream: (first, last) =>
          handle.createReadStream({ start: first, end: last, highWaterMark: readBytes }),
        close: () => handle.close(),
      };
    }
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
  await handle.close();
  return null;
}

/** A small text file. */
export function readText(path: string): Promise<string> {
  return readFile(path, "utf8");
}
