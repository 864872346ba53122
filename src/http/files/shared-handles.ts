import { type FileHandle, open, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { errnoOf } from "../../lib/errors.ts";

/** A file that is open for all who read it now. */
export interface SharedHandle {
  readonly handle: FileHandle;
  /** As it was when it was opened. */
  readonly stats: Stats;
  /** The same file for one more user. */
  share(): SharedHandle;
  /** To be called once by each who got it; the last one closes the file. */
  release(): void;
}

interface Shared {
  readonly handle: FileHandle;
  readonly stats: Stats;
  users: number;
}

/** Opens a file, by its path alone or within a folder; null: there is none. */
export type OpenRegular = (
  path: string,
) => Promise<{ readonly handle: FileHandle; readonly stats: Stats } | null>;

/** Opens each file once, however many downloads of it there are. */
export class SharedHandles {
  readonly #shared = new Map<string, Shared>();
  readonly #opening = new Map<string, Promise<Shared | null>>();

  /**
   * Null when there is no regular file at `path`.
   *
   * @throws the file system's error
   */
  async open(path: string, how: OpenRegular = openRegular): Promise<SharedHandle | null> {
    const shared = await (this.#opening.get(path) ?? this.#stillOpen(path));
    // Its last user may have closed it meanwhile.
    return shared !== null && shared.users > 0
      ? this.#use(path, shared)
      : this.#openAnew(path, how);
  }

  /** What is open already, unless another file has taken its name. */
  async #stillOpen(path: string): Promise<Shared | null> {
    const shared = this.#shared.get(path);
    return shared !== undefined && (await isStill(path, shared.stats)) ? shared : null;
  }

  async #openAnew(path: string, how: OpenRegular): Promise<SharedHandle | null> {
    const opening = this.#opening.get(path) ?? openedBy(how, path);
    this.#opening.set(path, opening);
    try {
      const shared = await opening;
      if (shared === null) return null;
      this.#shared.set(path, shared);
      return this.#use(path, shared);
    } finally {
      if (this.#opening.get(path) === opening) this.#opening.delete(path);
    }
  }

  #use(path: string, shared: Shared): SharedHandle {
    shared.users += 1;
    return {
      handle: shared.handle,
      stats: shared.stats,
      share: () => this.#use(path, shared),
      release: () => {
        shared.users -= 1;
        if (shared.users > 0) return;
        if (this.#shared.get(path) === shared) this.#shared.delete(path);
        // Nothing was written: there is nothing that closing could lose.
        void shared.handle.close().catch(() => {});
      },
    };
  }
}

async function openedBy(how: OpenRegular, path: string): Promise<Shared | null> {
  const opened = await how(path);
  return opened === null ? null : { ...opened, users: 0 };
}

const openRegular: OpenRegular = async (path) => {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return null;
    throw thrown;
  }
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, stats };
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
  await handle.close();
  return null;
};

async function isStill(path: string, { dev, ino, size, mtimeMs }: Stats): Promise<boolean> {
  try {
    const now = await stat(path);
    return now.ino === ino && now.dev === dev && now.size === size && now.mtimeMs === mtimeMs;
  } catch {
    return false;
  }
}
