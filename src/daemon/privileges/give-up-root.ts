import { readFileSync, realpathSync, statSync } from "node:fs";
import { release } from "node:os";
import type { Config } from "../../config/schema.ts";
import { ConfigError, InternalError, messageOf } from "../../lib/errors.ts";
import { howToGetKoffi } from "../../lib/libc/koffi.ts";
import type { PxeEvent } from "../../events/types.ts";
import { type Account, findAccount } from "./account.ts";
import { handOver } from "./hand-over.ts";
import { obstacleFor, type OwnerOf, pathsNamedIn } from "./named-files.ts";
import { capabilities, type Capability, loadIdentityCalls } from "./system-calls.ts";
import { rightsOfThreads } from "./threads.ts";

/** The user that the server becomes where there is one and the configuration says nothing. */
const usualUser = "eim-pxe";
/** `/proc/sys/kernel/overflowuid`: owner of what nobody here owns. */
const OVERFLOW_ID = 65_534;

/**
 * Where the server was started by root: makes it the process of another user, who has no right of root's but the
 * ports below 1024, before it opens anything. What the configuration names was read before. Returns what is to be
 * reported of it.
 *
 * @param program the file that runs: further parts of it are loaded later
 * @throws ConfigError when the user that the configuration names cannot be had
 */
export async function giveUpRoot(
  config: Config,
  { isRoot, program }: { readonly isRoot: boolean; readonly program: string },
): Promise<readonly PxeEvent[]> {
  const user = String(config.user);
  if (!isRoot || user === "root" || user === "0") return [];
  const isAsked = user !== "auto";
  const keep = (reason: string, remedy: string): readonly PxeEvent[] => {
    if (isAsked)
      throw new ConfigError([`user: the server cannot become ${user}: ${reason}; ${remedy}`]);
    return [{ event: "root-kept", reason, remedy }];
  };
  const account = isAsked ? named(user) : usualAccount(config.dataDir);
  if (account === null) {
    return keep(
      `there is no user ${isAsked ? user : usualUser} in /etc/passwd`,
      `make one with: useradd --system --no-create-home --shell /usr/sbin/nologin ${isAsked ? user : usualUser}`,
    );
  }
  if (account.uid === 0) return [];
  if (!isMapped(account.uid, "uid_map") || !isMapped(account.gid, "gid_map")) {
    return keep(
      `this container has no user ${account.uid} or group ${account.gid}`,
      "start it as the user that it shall run as, or name another one by `user`",
    );
  }
  const calls = await loadIdentityCalls();
  if (calls === null) {
    return keep(
      "the optional package koffi is not installed",
      `install it (${howToGetKoffi}), or start the server by the unit for systemd (eim-pxe init --systemd)`,
    );
  }
  const unreadable = [...new Set([program, ...pathsNamedIn(config)])].flatMap((path) => {
    // A link is followed, as from certbot's `live` to its `archive`.
    const obstacle =
      obstacleFor(account, path, ownerOf) ?? obstacleFor(account, realPath(path), ownerOf);
    return obstacle === null ? [] : [{ path, obstacle }];
  });
  const folders = [config.dataDir, config.leader?.journalDir ?? config.dataDir];
  const needed = [
    ...unreadable.filter(({ path }) => path === program || !isAsked),
    ...barred(account, folders),
  ];
  const [first] = needed;
  if (first !== undefined) {
    return keep(
      `user ${account.name} may not read ${first.path}${first.obstacle === first.path ? "" : ` (not enter ${first.obstacle})`}`,
      "let it (chmod, chgrp), or move it where everybody may read",
    );
  }
  try {
    for (const folder of new Set(folders)) handOver(folder, account);
  } catch (error) {
    return keep(messageOf(error), `chown -R ${account.uid}:${account.gid} ${config.dataDir}`);
  }
  const kept = keptCapabilities();
  const failed = calls.become(account, kept);
  if (failed !== null) {
    throw new ConfigError([
      `user: the server cannot become ${account.name}: ${failed} failed; give it CAP_SETUID and CAP_SETGID, or start it as that user`,
    ]);
  }
  requireGivenUp(account, kept);
  const { name, uid } = account;
  const files = unreadable.map(({ path }) => path);
  return [
    { event: "root-given-up", user: name, uid, capabilities: kept },
    ...(files.length === 0 ? [] : [{ event: "unreadable-files", user: name, files } as const]),
  ];
}

/** What the kernel says of every thread has to be what was asked for. */
function requireGivenUp({ uid, gid }: Account, kept: readonly Capability[]): void {
  const allowed = kept.reduce((bits, name) => bits | (1n << BigInt(capabilities[name])), 0n);
  for (const { thread, uids, gids, permitted } of rightsOfThreads()) {
    const isUser = uids.every((one) => one === uid) && gids.every((one) => one === gid);
    if (!isUser || (permitted & ~allowed) !== 0n) {
      throw new InternalError(`thread ${thread} still has rights of root's`);
    }
  }
}

/** Linux before 5.7 binds a socket to a network device only with CAP_NET_RAW. */
function keptCapabilities(): readonly Capability[] {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const isOld = major < 5 || (major === 5 && minor < 7);
  return isOld ? ["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"] : ["CAP_NET_BIND_SERVICE"];
}

/** Whose the data folder is, else the usual user; null: neither is there. */
function usualAccount(dataDir: string): Account | null {
  const owner = ownerOf(dataDir);
  if (owner !== null && owner.uid !== 0 && owner.uid !== OVERFLOW_ID) {
    return named(`${owner.uid}:${owner.gid}`);
  }
  return named(usualUser);
}

function named(user: string): Account | null {
  return findAccount(user, { passwd: textOf("/etc/passwd"), group: textOf("/etc/group") });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // A small container has none.
    return "";
  }
}

/** Whether this user namespace has an id, user_namespaces(7). */
function isMapped(id: number, table: "uid_map" | "gid_map"): boolean {
  const rows = textOf(`/proc/self/${table}`).trim().split("\n");
  return rows
    .map((row) => row.trim().split(/\s+/).map(Number))
    .some(([first = 0, , count = 0]) => id >= first && id < first + count);
}

/** What is in the way to the folders that it has to write in, which become its own. */
function barred(account: Account, folders: readonly string[]) {
  return folders.flatMap((path) => {
    const obstacle = obstacleFor(account, path, ownerOf);
    return obstacle === null || obstacle === path ? [] : [{ path, obstacle }];
  });
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const ownerOf: OwnerOf = (path) => statSync(path, { throwIfNoEntry: false }) ?? null;
