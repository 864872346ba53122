import { readdirSync, readFileSync } from "node:fs";

/** What one thread of a process may do. */
export interface ThreadRights {
  readonly thread: string;
  /** Real, effective, saved, and that of file systems. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Bits of the capabilities that it has, or could take. */
  readonly permitted: bigint;
}

/** The rights of each thread of this process, as the kernel says. */
export function rightsOfThreads(folder = "/proc/self/task"): readonly ThreadRights[] {
  return readdirSync(folder).flatMap((thread) => {
    try {
      return [readRights(thread, readFileSync(`${folder}/${thread}/status`, "utf8"))];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

/** @param status the text of `/proc/PID/task/TID/status`, proc(5) */
export function readRights(thread: string, status: string): ThreadRights {
  const values = (key: string): readonly string[] =>
    new RegExp(String.raw`^${key}:\s+(.*)$`, "m").exec(status)?.[1]?.split(/\s+/) ?? [];
  return {
    thread,
    uids: values("Uid").map(Number),
    gids: values("Gid").map(Number),
    permitted: BigInt(`0x${values("CapPrm")[0] ?? "0"}`),
  };
}
