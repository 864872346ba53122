import { createHash, type Hash } from "node:crypto";
import { lstat, open, statfs } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, syncPath } from "../../lib/atomic-file.ts";
import { type BlobSource, fileBlob } from "../../lib/blob.ts";
import { errnoOf, SyncError } from "../../lib/errors.ts";
import { encodeManifest, type Manifest, MANIFEST_NAME, type ManifestFile } from "./manifest.ts";

const READ_BYTES = 1024 * 1024;
/** Files of the mirror are for everybody to read: they are served to whoever asks. */
export const PUBLIC_MODE = 0o644;
/** What a synchronisation leaves free: leases and the log are on the same disk. */
const RESERVE_BYTES = 16 * 1024 * 1024;

/** A file of a generation, or of anything else on disk that does not change. */
export interface StoredFile extends ManifestFile {
  /** Where it is on disk. It never changes there; it may go away when the generation is removed. */
  readonly path: string;
}

/** The disk has no room for a file. Nothing that is served is touched by that. */
export class DiskFullError extends SyncError {
  /** How much has to be freed before it can work; null when that is not known. */
  readonly missingBytes: number | null;

  constructor(name: string, missingBytes: number | null, options?: ErrorOptions) {
    const missing =
      missingBytes === null ? "" : ` (${Math.ceil(missingBytes / 1e6)} MB more are needed)`;
    super(
      `${name} could not be stored: the disk under dataDir is full${missing}: free some space, or lower ` +
        "artifacts.keepGenerations.",
      options,
    );
    this.name = "DiskFullError";
    this.missingBytes = missingBytes;
  }
}

export async function openFile(path: string): Promise<BlobSource> {
  const handle = await open(path, "r");
  const { size } = await handle.stat();
  return fileBlob(handle, size);
}

/** Opens files of a set by their names. */
export function openerOf(files: readonly StoredFile[]): (name: string) => Promise<BlobSource> {
  const paths = new Map(files.map(({ name, path }) => [name, path]));
  return (name) => openFile(paths.get(name) ?? name);
}

/** Whether a stored file is still there and has its length. */
export async function isThere({ path, size }: StoredFile): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  return stat !== null && stat.isFile() && stat.size === size;
}

export async function sha256OfFile(path: string): Promise<string> {
  return (await hashBeginning(path, Number.POSITIVE_INFINITY)).digest("hex");
}

/** The running SHA-256 of the first `length` bytes of a file, or of as many as it has. */
export async function hashBeginning(path: string, length: number): Promise<Hash> {
  const hash = createHash("sha256");
  const blob = await openFile(path);
  try {
    const end = Math.min(length, blob.size);
    for (let at = 0; at < end; at += READ_BYTES) {
      hash.update(await blob.read(at, Math.min(READ_BYTES, end - at)));
    }
  } finally {
    await blob.close();
  }
  return hash;
}

/**
 * Makes sure, as far as that can be known beforehand, that so many bytes fit onto the disk.
 *
 * @throws DiskFullError
 */
export async function requireRoom(folder: string, name: string, bytes: number): Promise<void> {
  const missing = bytes + RESERVE_BYTES - (await freeBytes(folder));
  if (missing > 0) throw new DiskFullError(name, missing);
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** The disk's refusal as an error that says what to do. */
export async function onDisk<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOSPC" || code === "EDQUOT") {
      throw new DiskFullError(name, null, { cause: error });
    }
    const why =
      code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "dataDir is not writable for this process"
        : `the disk under dataDir refused it (${code ?? "unknown error"})`;
    throw new SyncError(`${name} could not be stored: ${why}.`, { cause: error });
  }
}

/** Puts the manifest into a folder, in place of the former one if there is one, and on the disk. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await onDisk(
    MANIFEST_NAME,
    replaceFile(join(folder, MANIFEST_NAME), encodeManifest(manifest), {
      mode: PUBLIC_MODE,
    }).then(() => syncPath(folder)),
  );
}
