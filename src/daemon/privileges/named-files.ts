import { dirname } from "node:path";
import type { Account } from "./account.ts";

/** What `stat` says of a file or folder. */
export interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who owns what is at a path, and with which mode; null: nothing is there. */
export type OwnerOf = (path: string) => Owned | null;

const READ = 4;
const SEARCH = 1;

/**
 * The first folder above `path` that the account may not enter, or `path` itself where it may not read it; null: it
 * may. Judged by permission bits, which access control lists may widen.
 */
export function obstacleFor(account: Account, path: string, ownerOf: OwnerOf): string | null {
  const above = foldersAbove(path).find((folder) => !may(account, ownerOf(folder), SEARCH));
  if (above !== undefined) return above;
  return may(account, ownerOf(path), READ) ? null : path;
}

function foldersAbove(path: string): readonly string[] {
  const folders: string[] = [];
  for (let at = dirname(path); !folders.includes(at); at = dirname(at)) folders.push(at);
  return folders.toReversed();
}

/** What is not there keeps nobody from anything. */
function may({ uid, gid, groups }: Account, owned: Owned | null, what: number): boolean {
  if (owned === null || uid === 0) return true;
  const shift = owned.uid === uid ? 6 : owned.gid === gid || groups.includes(owned.gid) ? 3 : 0;
  return ((owned.mode >> shift) & what) !== 0;
}

const pathKeys: readonly string[] = ["file", "directory", "kubeconfig", "script", "source"];

/** Every absolute path that the configuration names, wherever in it: of files that are read again while it runs. */
export function pathsNamedIn(value: unknown, key = ""): readonly string[] {
  if (typeof value === "string") {
    const isPath = pathKeys.includes(key) || /(File|Dirs)$/.test(key);
    return isPath && value.startsWith("/") ? [value] : [];
  }
  if (Array.isArray(value)) return value.flatMap((one: unknown) => pathsNamedIn(one, key));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => pathsNamedIn(one, name));
}
