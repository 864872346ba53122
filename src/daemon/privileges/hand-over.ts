import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../../lib/errors.ts";
import type { Account } from "./account.ts";

/**
 * Gives a folder and all that is in it to an account, so that it goes on with what root has written there before.
 *
 * A process of that account may run already and change the folder meanwhile, to be given what is elsewhere. So no link is followed,
 * folders are held open while they are gone through, and a file with several names stays whose it is: one of
 * them may be elsewhere, and what is in a folder of one's own can be replaced.
 */
export function handOver(folder: string, account: Account): void {
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  giveFolder(realpathSync(folder), account);
}

const asFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** What is no folder any more, or not there any more, was changed meanwhile. */
const changed: readonly (string | null)[] = ["ENOENT", "ENOTDIR", "ELOOP"];

function giveFolder(path: string, account: Account): void {
  const descriptor = unlessChanged(() => openSync(path, asFolder));
  if (descriptor === null) return;
  try {
    if (!isOwnedBy(fstatSync(descriptor), account)) {
      fchownSync(descriptor, account.uid, account.gid);
    }
    // The folder itself, whatever its name stands for by now.
    const held = `/proc/self/fd/${descriptor}`;
    for (const name of readdirSync(held)) give(`${held}/${name}`, account);
  } finally {
    closeSync(descriptor);
  }
}

function give(path: string, account: Account): void {
  const stats = unlessChanged(() => lstatSync(path));
  if (stats === null) return;
  if (stats.isDirectory()) giveFolder(path, account);
  else if (stats.nlink === 1 && !isOwnedBy(stats, account)) {
    unlessChanged(() => lchownSync(path, account.uid, account.gid));
  }
}

function isOwnedBy({ uid, gid }: Stats, account: Account): boolean {
  return uid === account.uid && gid === account.gid;
}

function unlessChanged<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (changed.includes(errnoOf(error))) return null;
    throw error;
  }
}
