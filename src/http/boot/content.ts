import type { BlobSource } from "../../lib/blob.ts";

/** One file of a generation, on disk and never changed while the generation exists. */
export interface ServedFile {
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  /** Of its content, in hex. */
  readonly sha256: string;
}

/** One verified set of files that belong together. */
export interface ServedGeneration {
  readonly id: string;
  /** The file of exactly this name in the manifest (`keys/db.der` has its folder), or null. */
  file(name: string): ServedFile | null;
}

/** The generations that are on disk, as the boot port needs them. */
export interface ServedGenerations {
  /** The one that new boots get; null until the first synchronisation has succeeded. */
  current(): ServedGeneration | null;
  get(id: string): ServedGeneration | null;
}

export interface ServedLoader {
  readonly name: string;
  readonly blob: BlobSource;
  readonly path: string | null;
  /** Milliseconds since the Unix epoch, of a loader whose blob is in memory; absent: it is read from `path`. */
  readonly modifiedMs?: number;
}

/** Loaders by their bare name; null when there is none. The caller closes the blob. */
export interface ServedLoaders {
  find(name: string): Promise<ServedLoader | null>;
}
