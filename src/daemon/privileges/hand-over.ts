import { lchownSync, lstatSync, mkdirSync, readdirSync, realpathSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../../lib/errors.ts";
import type { Account } from "./account.ts";

/**
 * Gives a folder and all that is in it to an account, so that it goes on with what root has written there before.
 * Links are not followed. A file with several names stays whose it is: one of them may be elsewhere, and what is in a
 * folder of one's own can be replaced.
 */
export function handOver(folder: string, account: Account): void {
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  give(realpathSync(folder), account);
}

function give(path: string, account: Account): void {
  const stats = look(path);
  if (stats === null) return;
  const { uid, gid } = account;
  const isOnly = stats.isDirectory() || stats.nlink === 1;
  if (isOnly && (stats.uid !== uid || stats.gid !== gid)) lchownSync(path, uid, gid);
  if (!stats.isDirectory()) return;
  for (const name of readdirSync(path)) give(join(path, name), account);
}

function look(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    // Another program has removed it meanwhile.
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}
