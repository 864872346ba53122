import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "./sql.ts";

/** Resolves after this time, or when `signal` says so. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
}

/** Rejects when it takes longer; what comes of it then is nobody's concern. */
export async function withPatience<T>(answer: Promise<T>, patienceMs: number): Promise<T> {
  const done = new AbortController();
  const tooLong = sleep(patienceMs, undefined, { signal: done.signal, ref: false }).then(() => {
    throw new DatabaseError(`it did not answer for ${patienceMs / 1000} s`);
  });
  try {
    return await Promise.race([answer, tooLong]);
  } finally {
    done.abort();
    answer.catch(() => {});
    tooLong.catch(() => {});
  }
}
