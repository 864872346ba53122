import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { type BlobSource, fileBlob } from "../../lib/blob.ts";
import { isWithin, openConfined } from "../../lib/disk/confined-file.ts";
import { errnoOf } from "../../lib/errors.ts";
import { type AssetMachine, machineFolders, readAssetName } from "../asset-name.ts";

/** A file in the folder. */
export interface AssetFile {
  readonly kind: "file";
  /** As it lies in the folder, with the folder of the machine where it was found there. */
  readonly name: string;
  /** The real path of the folder, which the file must not leave. */
  readonly folder: string;
  /** The file's real path. */
  readonly path: string;
}

/** Something is there by that name, and is not handed out. */
export interface UnservedAsset {
  readonly kind: "unserved";
  readonly name: string;
  readonly why: string;
}

/** Where to look: in the folder of the machine, beside those folders, or in both, its own first. */
export type AssetPlace = "own" | "common" | "both";

export const ASSET_LEAVES = "it is a symbolic link out of assets.directory";
const UNREADABLE = "this user may not read it";

/**
 * A folder of the site's own, with sub-folders. Nothing of it is kept in memory: however many files there are, each
 * name is looked up when it is asked for.
 */
export class AssetFolder {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * The file that a machine means by a name; null when there is none.
   *
   * @param name relative, as the machine says it
   */
  async find(
    name: string,
    machine: AssetMachine,
    place: AssetPlace = "both",
  ): Promise<AssetFile | UnservedAsset | null> {
    const asked = readAssetName(name);
    const root = await realpath(this.directory).catch(() => null);
    if (asked === null || root === null) return null;
    const { path, within } = asked;
    const folders = machineFolders(within?.machine ?? machine);
    const own = place === "common" ? [] : await foldersThere(root, folders);
    const ownNames = own.map((folder) => `${folder}/${within?.rest ?? path}`);
    // A folder that is no machine's own may well be named like one.
    const common = within === null ? [path] : [path, within.rest];
    let problem: UnservedAsset | null = null;
    for (const candidate of [...ownNames, ...(place === "own" ? [] : common)]) {
      const found = await locate(root, candidate);
      if (found?.kind === "file") return found;
      problem ??= found;
    }
    return problem;
  }

  /**
   * Opens a file that was found; null when it is gone meanwhile.
   *
   * @throws the file system's error
   */
  async open({ folder, path }: AssetFile): Promise<BlobSource | null> {
    const opened = await openConfined(folder, path);
    return opened === null ? null : fileBlob(opened.handle, opened.stats.size);
  }
}

/** That it may not be read, when it is that which keeps a file from being opened; else null. */
export function unreadable(name: string, error: unknown): UnservedAsset | null {
  const code = errnoOf(error);
  if (code !== "EACCES" && code !== "EPERM") return null;
  return { kind: "unserved", name, why: UNREADABLE };
}

async function foldersThere(root: string, names: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(
    names.map((name) =>
      stat(join(root, name)).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    ),
  );
  return names.filter((_name, at) => there[at] === true);
}

async function locate(root: string, name: string): Promise<AssetFile | UnservedAsset | null> {
  try {
    const path = await realpath(join(root, name));
    if (!isWithin(root, path)) return { kind: "unserved", name, why: ASSET_LEAVES };
    const found = await stat(path);
    if (found.isFile()) return { kind: "file", name, folder: root, path };
    if (found.isDirectory()) return null;
    return { kind: "unserved", name, why: "it is no regular file" };
  } catch (thrown) {
    if (errnoOf(thrown) === "ELOOP") {
      return { kind: "unserved", name, why: "it is a symbolic link that leads to itself" };
    }
    return unreadable(name, thrown);
  }
}
