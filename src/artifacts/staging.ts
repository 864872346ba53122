import { createHash } from "node:crypto";
import { chmod, copyFile, link, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobSource } from "../lib/blob.ts";
import { errnoOf, SyncError } from "../lib/errors.ts";
import { encodeManifest, type Manifest, MANIFEST_NAME, type ManifestFile } from "./manifest.ts";

/** What is gathered before it is written: TLS hands out 16 KiB at a time. */
const WRITE_BYTES = 1024 * 1024;

/** A file of a generation, or of anything else on disk that does not change. */
export interface StoredFile extends ManifestFile {
  /** Where it is on disk. It never changes there; it may go away when the generation is removed. */
  readonly path: string;
}

/** A file as a blob; it stays readable after the file was removed, until it is closed. */
export async function openFile(path: string): Promise<BlobSource> {
  const handle = await open(path, "r");
  const { size } = await handle.stat();
  return {
    size,
    read: async (offset, length) => {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const bytes = new Uint8Array(wanted);
      let filled = 0;
      while (filled < wanted) {
        const { bytesRead } = await handle.read(bytes, filled, wanted - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
    close: () => handle.close(),
  };
}

/** Whether a stored file is still there and has its length. */
export async function isThere({ path, size }: StoredFile): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  return stat !== null && stat.isFile() && stat.size === size;
}

/**
 * A set that is being gathered in a folder of its own, on the same file system as the generations.
 * Nothing in it is served.
 */
export interface Staging {
  readonly directory: string;
  /**
   * Writes a file from its bytes as they come, and to the disk before it returns; a file of that name
   * from before is replaced.
   *
   * @throws SyncError when the disk refuses; what `chunks` throws
   */
  write(
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    onBytes: (total: number) => void,
  ): Promise<{ size: number; sha256: string }>;
  /** Takes over a file of a generation: by a hard link, or by a copy where there are none. */
  share(file: StoredFile): Promise<void>;
  remove(name: string): Promise<void>;
  open(name: string): Promise<BlobSource>;
  /** Writes the manifest, and everything to the disk; then the folder is ready to be renamed. */
  seal(manifest: Manifest): Promise<void>;
}

export async function createStaging(directory: string): Promise<Staging> {
  await mkdir(directory, { recursive: true });
  const at = async (name: string): Promise<string> => {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    return path;
  };
  return {
    directory,
    write: async (name, chunks, onBytes) => {
      const path = await at(name);
      await rm(path, { force: true });
      return writeFileFrom(path, name, chunks, onBytes);
    },
    share: async ({ name, path }) => {
      const target = await at(name);
      await rm(target, { force: true });
      try {
        await link(path, target);
      } catch {
        await onDisk(name, copyFile(path, target));
        await syncPath(target);
      }
    },
    remove: (name) => rm(join(directory, name), { force: true }),
    open: (name) => openFile(join(directory, name)),
    seal: async (manifest) => {
      await writeManifest(directory, manifest);
      const folders = new Set(manifest.files.map(({ name }) => dirname(join(directory, name))));
      for (const folder of folders) await syncPath(folder);
    },
  };
}

async function writeFileFrom(
  path: string,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (total: number) => void,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  const handle = await onDisk(name, open(path, "wx", 0o644));
  let size = 0;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  // One write runs while the next bytes come in.
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    if (gatheredBytes === 0) return;
    writing = onDisk(name, writeAll(handle, gathered));
    // It is awaited at the next flush; until then nobody looks at it.
    writing.catch(() => {});
    gathered = [];
    gatheredBytes = 0;
  };
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes >= WRITE_BYTES) await flush();
      onBytes(size);
    }
    await flush();
    await writing;
    await onDisk(name, handle.sync());
  } finally {
    await writing.catch(() => {});
    await handle.close();
  }
  // Generations share files, so nothing may write into one.
  await chmod(path, 0o444);
  return { size, sha256: hash.digest("hex") };
}

async function writeAll(
  handle: Awaited<ReturnType<typeof open>>,
  chunks: readonly Uint8Array[],
): Promise<void> {
  const whole = Buffer.concat(chunks);
  for (let at = 0; at < whole.length;) {
    at += (await handle.write(whole, at, whole.length - at)).bytesWritten;
  }
}

/** The disk's refusal as an error that says what to do. */
export async function onDisk<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = errnoOf(error);
    const why =
      code === "ENOSPC" || code === "EDQUOT"
        ? "the disk under dataDir is full: free some space, or lower artifacts.keepGenerations"
        : code === "EACCES" || code === "EPERM" || code === "EROFS"
          ? "dataDir is not writable for this process"
          : `the disk under dataDir refused it (${code ?? "unknown error"})`;
    throw new SyncError(`${name} could not be stored: ${why}.`, { cause: error });
  }
}

/** Puts the manifest into a folder, in place of the former one if there is one, and on the disk. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const fresh = join(folder, `.${MANIFEST_NAME}.new`);
  const handle = await onDisk(MANIFEST_NAME, open(fresh, "w", 0o644));
  try {
    await onDisk(MANIFEST_NAME, handle.writeFile(encodeManifest(manifest)));
    await onDisk(MANIFEST_NAME, handle.sync());
  } finally {
    await handle.close();
  }
  await onDisk(MANIFEST_NAME, rename(fresh, join(folder, MANIFEST_NAME)));
  await syncPath(folder);
}

/** Puts a file's or a folder's entries on the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
