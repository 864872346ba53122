import { mkdir, readdir, readFile, realpath, stat } from "node:fs/promises";
import { sha256Of } from "../../lib/bytes.ts";
import { dirname, join, sep } from "node:path";
import { replaceFile } from "../../lib/atomic-file.ts";
import { isBareName } from "../../lib/bare-name.ts";
import { errnoOf } from "../../lib/errors.ts";
import { type BlobSource, memoryBlob } from "../../lib/blob.ts";
import type { Generation } from "../store/generation.ts";
import { openFile, PUBLIC_MODE } from "../store/disk.ts";
import { type LoaderFacts, loaderFacts, patchSmeeMarker } from "./loader-facts.ts";
import { LOADER_LIMIT_BYTES } from "../verify/verify.ts";

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
  /**
   * A folder that is never read through, however much is in it: only names that are `alsoAllowed` are looked for in it,
   * with sub-folders (`grub/core.efi`), and `listed` are those of them that a list has. Null or absent: none.
   */
  readonly named?: { readonly folder: string; readonly listed: readonly string[] } | null;
  /** What is written into SMEE's builds, and the folder to keep the result in; null or absent: nothing. */
  readonly patch?: { readonly script: string; readonly folder: string } | null;
}

export interface Loader {
  readonly name: string;
  /** In memory and shared by all who ask, unless it is large. */
  readonly blob: BlobSource;
  /** Null where these bytes are in memory alone, for the disk did not take the patched copy. */
  readonly path: string | null;
  /** Of the file that it was made of, milliseconds since the Unix epoch. */
  readonly modifiedMs?: number;
  /** Of these bytes, in hex; null: it is large, and nobody has read it whole. */
  readonly sha256: string | null;
}

export interface ListedLoader {
  readonly name: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** A loader of the list, with what its bytes tell. */
export interface IdentifiedLoader extends ListedLoader {
  readonly facts: LoaderFacts;
}

/** What has a loader's name in a folder and is not served. */
export interface PassedOver {
  readonly path: string;
  readonly why: string;
}

export interface LoaderStore {
  /** The loader of that bare file name, read again when the file has changed. Null when there is none. */
  find(name: string): Promise<Loader | null>;
  /** What `find` would find, by name. */
  list(): Promise<ListedLoader[]>;
  /** The same, with what each one is. */
  identify(): Promise<IdentifiedLoader[]>;
  /** What the folders have by such names and cannot be found, with the reason. */
  passedOver(): Promise<PassedOver[]>;
}

interface Held {
  readonly mtimeMs: number;
  readonly size: number;
  readonly content: Promise<Content | null>;
}

interface Content {
  readonly blob: BlobSource;
  /** Where exactly these bytes lie; null: nowhere else. */
  readonly path: string | null;
  readonly modifiedMs: number;
  readonly sha256: string;
  readonly facts: LoaderFacts;
}

export function createLoaderStore(options: LoaderStoreOptions): LoaderStore {
  const { directories, store, alsoAllowed = () => false, named = null, patch = null } = options;
  /** By real path. */
  const held = new Map<string, Held>();

  const locate = async (name: string): Promise<ListedLoader | null> => {
    const isNamed = alsoAllowed(name);
    if (named !== null && isNamed && name.split("/").every(isBareName)) {
      const found = await fileWithin(named.folder, name);
      if (found !== null) return { name, ...found };
    }
    if (!isBareName(name) || !(loaderNames.test(name) || isNamed)) return null;
    for (const directory of directories) {
      const found = await fileWithin(directory, name);
      if (found !== null) return { name, ...found };
    }
    const mirrored = store.current()?.file(name) ?? null;
    return mirrored !== null && mirrored.size <= LOADER_LIMIT_BYTES
      ? { name, path: mirrored.path, size: mirrored.size }
      : null;
  };

  const read = async (path: string, modifiedMs: number): Promise<Content> => {
    const bytes = await readFile(path);
    const facts = await loaderFacts(memoryBlob(bytes));
    if (patch === null || facts.embedded !== "smee-marker") {
      return { blob: memoryBlob(bytes), path, modifiedMs, facts, sha256: sha256Of(bytes) };
    }
    const patched = patchSmeeMarker(bytes, patch.script);
    const sha256 = sha256Of(patched);
    const file = join(patch.folder, sha256);
    const there = await stat(file).catch(() => null);
    const isWritten =
      there?.size === patched.length ||
      (await writePatched(file, patched).then(
        () => true,
        () => false,
      ));
    return { blob: memoryBlob(patched), path: isWritten ? file : null, modifiedMs, facts, sha256 };
  };

  const content = async (path: string): Promise<Content | null> => {
    const now = await stat(path).catch(() => null);
    if (now === null) {
      held.delete(path);
      return null;
    }
    const { mtimeMs, size } = now;
    const former = held.get(path);
    if (former?.mtimeMs === mtimeMs && former.size === size) return former.content;
    const found = read(path, mtimeMs).catch(() => {
      // For want of a descriptor, say: the next request tries again.
      held.delete(path);
      return null;
    });
    held.set(path, { mtimeMs, size, content: found });
    await forgetRemoved(held);
    return found;
  };

  const list = async (): Promise<ListedLoader[]> => {
    const names = new Set(store.current()?.manifest.files.map((file) => file.name) ?? []);
    for (const directory of directories) {
      for (const name of await readdir(directory).catch(() => [])) names.add(name);
    }
    for (const name of named?.listed ?? []) names.add(name);
    const located = await Promise.all([...names].toSorted().map(locate));
    return located.filter((loader) => loader !== null);
  };

  return {
    find: async (name) => {
      const located = await locate(name);
      if (located === null) return null;
      const { path, size } = located;
      if (size > MEMORY_LIMIT_BYTES) {
        const blob = await openFile(path).catch(() => null);
        return blob === null ? null : { name, blob, path, sha256: null };
      }
      const found = await content(path);
      if (found === null) return null;
      const { facts: _, ...loader } = found;
      return { name, ...loader };
    },
    identify: async () => {
      const identified: IdentifiedLoader[] = [];
      for (const loader of await list()) {
        const facts =
          loader.size > MEMORY_LIMIT_BYTES
            ? await factsOnDisk(loader.path)
            : (await content(loader.path))?.facts;
        if (facts !== undefined && facts !== null) identified.push({ ...loader, facts });
      }
      return identified;
    },
    list,
    passedOver: async () => {
      const found: PassedOver[] = [];
      for (const directory of directories) {
        for (const name of await readdir(directory).catch(() => [])) {
          if (!isBareName(name) || !(loaderNames.test(name) || alsoAllowed(name))) continue;
          const why = await whyNotWithin(directory, name);
          if (why !== null) found.push({ path: join(directory, name), why });
        }
      }
      return found;
    },
  };
}

/** In one step, for another process may be reading it. */
async function writePatched(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, bytes, {
    mode: PUBLIC_MODE,
    suffix: `${crypto.randomUUID()}.new`,
    durable: false,
  });
}

async function factsOnDisk(path: string): Promise<LoaderFacts | null> {
  const blob = await openFile(path).catch(() => null);
  if (blob === null) return null;
  try {
    return await loaderFacts(blob);
  } finally {
    await blob.close();
  }
}

/** Each generation has a path of its own; what went away with one need not stay in memory. */
async function forgetRemoved(held: Map<string, Held>): Promise<void> {
  for (const path of held.keys()) {
    if ((await stat(path).catch(() => null)) === null) held.delete(path);
  }
}

/** Why `fileWithin` does not take it; null where it does. */
async function whyNotWithin(directory: string, name: string): Promise<string | null> {
  try {
    const folder = await realpath(directory);
    const path = await realpath(join(folder, name));
    if (!path.startsWith(folder === sep ? sep : folder + sep)) {
      return `it is a symbolic link to ${path}, out of its folder`;
    }
    const found = await stat(path);
    if (!found.isFile()) return "it is no regular file";
    if (found.size === 0) return "it is empty";
    return found.size > LOADER_LIMIT_BYTES ? "it is too large for a loader" : null;
  } catch (error) {
    const code = errnoOf(error) ?? "";
    return code === "ENOENT" ? "it is a symbolic link to nothing" : `it cannot be read (${code})`;
  }
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
