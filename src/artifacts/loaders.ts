import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { type BlobSource, memoryBlob } from "../lib/blob.ts";
import type { Generation } from "./generation.ts";
import { openFile } from "./staging.ts";

/** Unified kernel images, with an initramfs inside, have 100 MiB; nothing larger is loaded by firmware. */
const LOADER_LIMIT_BYTES = 256 * 1024 * 1024;

/** Up to this size a loader is kept in memory; iPXE and GRUB have a few MiB at most. */
const MEMORY_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * What boot loaders are called. A folder such as /boot also holds initramfs images, which may carry
 * keys and must not be handed to whoever asks. `pxelinux.0` is one, `initrd.img-6.1.0` is not.
 */
const loaderNames = /\.(efi|k{0,3}pxe|lkrn|com|bin)$|^\w+\.0$/i;

export interface LoaderStoreOptions {
  /** Folders that are looked through, in this order; those that do not exist are passed over. */
  readonly directories: readonly string[];
  /** The mirror, which is asked last. */
  readonly store: { current(): Generation | null };
  /** Further names that count as loaders, such as those that the configuration names. */
  readonly alsoAllowed?: (name: string) => boolean;
}

export interface Loader {
  readonly name: string;
  /** In memory and shared by all who ask, unless it is large. */
  readonly blob: BlobSource;
  readonly path: string;
}

export interface ListedLoader {
  readonly name: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

export interface LoaderStore {
  /** The loader of that bare file name, read again when the file has changed. Null when there is none. */
  find(name: string): Promise<Loader | null>;
  /** What `find` would find, by name. */
  list(): Promise<ListedLoader[]>;
}

interface Held {
  readonly mtimeMs: number;
  readonly size: number;
  readonly blob: Promise<BlobSource | null>;
}

export function createLoaderStore(options: LoaderStoreOptions): LoaderStore {
  const { directories, store, alsoAllowed = () => false } = options;
  /** By real path. */
  const held = new Map<string, Held>();

  const locate = async (name: string): Promise<ListedLoader | null> => {
    if (!isBareName(name) || !(loaderNames.test(name) || alsoAllowed(name))) return null;
    for (const directory of directories) {
      const found = await fileWithin(directory, name);
      if (found !== null) return { name, ...found };
    }
    const mirrored = store.current()?.file(name) ?? null;
    return mirrored !== null && mirrored.size <= LOADER_LIMIT_BYTES
      ? { name, path: mirrored.path, size: mirrored.size }
      : null;
  };

  const content = async (path: string): Promise<BlobSource | null> => {
    const now = await stat(path).catch(() => null);
    if (now === null) {
      held.delete(path);
      return null;
    }
    const { mtimeMs, size } = now;
    if (size > MEMORY_LIMIT_BYTES) return openFile(path).catch(() => null);
    const former = held.get(path);
    if (former?.mtimeMs === mtimeMs && former.size === size) return former.blob;
    const blob = readFile(path).then(memoryBlob, () => {
      // For want of a descriptor, say: the next request tries again.
      held.delete(path);
      return null;
    });
    held.set(path, { mtimeMs, size, blob });
    await forgetRemoved(held);
    return blob;
  };

  return {
    find: async (name) => {
      const located = await locate(name);
      if (located === null) return null;
      const blob = await content(located.path);
      return blob === null ? null : { name, blob, path: located.path };
    },
    list: async () => {
      const names = new Set(store.current()?.manifest.files.map((file) => file.name) ?? []);
      for (const directory of directories) {
        for (const name of await readdir(directory).catch(() => [])) names.add(name);
      }
      const located = await Promise.all([...names].toSorted().map(locate));
      return located.filter((loader) => loader !== null);
    },
  };
}

/** Each generation has a path of its own; what went away with one need not stay in memory. */
async function forgetRemoved(held: Map<string, Held>): Promise<void> {
  for (const path of held.keys()) {
    if ((await stat(path).catch(() => null)) === null) held.delete(path);
  }
}

function isBareName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+~-]{0,254}$/.test(name);
}

/** A regular file in the folder. The folder may be a symbolic link; the file may be one that stays inside. */
async function fileWithin(
  directory: string,
  name: string,
): Promise<{ path: string; size: number } | null> {
  try {
    const folder = await realpath(directory);
    const path = await realpath(join(folder, name));
    if (!path.startsWith(folder === sep ? sep : folder + sep)) return null;
    const found = await stat(path);
    const usable = found.isFile() && found.size > 0 && found.size <= LOADER_LIMIT_BYTES;
    return usable ? { path, size: found.size } : null;
  } catch {
    return null;
  }
}
