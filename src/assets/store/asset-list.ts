import type { Dirent } from "node:fs";
import { opendir, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { isWithin } from "../../lib/disk/confined-file.ts";
import { errnoOf } from "../../lib/errors.ts";
import { ASSET_LEAVES } from "./asset-folder.ts";

/** What is in the asset folder, for people. */
export interface AssetListing {
  readonly directory: string;
  /** How many files machines can fetch; at least as many where `more` says so. */
  readonly files: number;
  /** The folder was not read to its end. */
  readonly more: boolean;
  /** The first of them, by name. */
  readonly listed: readonly ListedAsset[];
  /** Some of what is there and is not handed out. */
  readonly passedOver: readonly { readonly path: string; readonly why: string }[];
  /** Why nothing of it can be handed out; null: it can. */
  readonly problem: string | null;
}

export interface ListedAsset {
  /** Relative to the folder. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch. */
  readonly modifiedMs: number;
}

const maxPassedOver = 20;
const maxEntries = 1_000_000;
/** Entries that are read at once. */
const bufferSize = 256;

/**
 * Looks through the folder and all below it, in memory for no more than the files that are listed.
 *
 * @param limit of the files that are listed
 */
export async function listAssets(directory: string, limit: number): Promise<AssetListing> {
  const nothing = { directory, files: 0, more: false, listed: [], passedOver: [] };
  const problem = await folderProblem(directory);
  if (problem !== null) return { ...nothing, problem };
  const walk = new Walk(await realpath(directory), limit);
  await walk.run();
  const listed = await walk.first();
  const { files, more, passedOver } = walk;
  return { directory, files, more, listed, passedOver, problem: null };
}

/** Why nothing of a folder can be handed out; null: it can. */
export async function folderProblem(directory: string): Promise<string | null> {
  try {
    await (await opendir(directory)).close();
    return null;
  } catch (thrown) {
    return whyUnread(thrown);
  }
}

function whyUnread(thrown: unknown): string {
  switch (errnoOf(thrown)) {
    case "ENOENT":
      return "there is no such folder";
    case "ENOTDIR":
      return "it is a file, and no folder";
    case "EACCES":
    case "EPERM":
      return "this user may not read it";
    default:
      return `it cannot be read (${errnoOf(thrown) ?? "unknown error"})`;
  }
}

class Walk {
  files = 0;
  more = false;
  readonly passedOver: { path: string; why: string }[] = [];
  readonly #root: string;
  readonly #limit: number;
  readonly #folders: string[];
  #names: string[] = [];
  #entries = 0;

  constructor(root: string, limit: number) {
    this.#root = root;
    this.#limit = limit;
    this.#folders = [root];
  }

  async run(): Promise<void> {
    for (let folder = this.#folders.pop(); folder !== undefined; folder = this.#folders.pop()) {
      try {
        for await (const entry of await opendir(folder, { bufferSize })) {
          this.#entries += 1;
          if (this.#entries > maxEntries) {
            this.more = true;
            return;
          }
          // The entries of a buffer come without a turn of the event loop between them.
          if (this.#entries % bufferSize === 0) await new Promise(setImmediate);
          await this.#take(join(folder, entry.name), entry);
        }
      } catch (thrown) {
        this.#passOver(folder, whyUnread(thrown));
      }
    }
  }

  /** Those that come first by name, as they are now. */
  async first(): Promise<readonly ListedAsset[]> {
    this.#keepFirst();
    const listed: ListedAsset[] = [];
    for (const name of this.#names) {
      const found = await stat(join(this.#root, name)).catch(() => null);
      if (found === null) continue;
      listed.push({ path: name, size: found.size, modifiedMs: found.mtimeMs });
    }
    return listed;
  }

  async #take(path: string, entry: Dirent): Promise<void> {
    if (entry.isDirectory()) this.#folders.push(path);
    else if (entry.isFile()) this.#count(path);
    else if (entry.isSymbolicLink()) await this.#follow(path);
    else this.#passOver(path, "it is no regular file");
  }

  /** To a file; a folder that a link leads to is one of those below, or is out of it. */
  async #follow(path: string): Promise<void> {
    try {
      const target = await realpath(path);
      if (target !== this.#root && !isWithin(this.#root, target)) {
        this.#passOver(path, ASSET_LEAVES);
      } else if ((await stat(target)).isFile()) this.#count(path);
    } catch {
      this.#passOver(path, "it is a symbolic link to nothing");
    }
  }

  #count(path: string): void {
    this.files += 1;
    this.#names.push(relative(this.#root, path));
    if (this.#names.length >= 2 * this.#limit + bufferSize) this.#keepFirst();
  }

  #keepFirst(): void {
    this.#names = this.#names.toSorted().slice(0, this.#limit);
  }

  #passOver(path: string, why: string): void {
    if (this.passedOver.length >= maxPassedOver) return;
    this.passedOver.push({ path: relative(this.#root, path) || ".", why });
  }
}
