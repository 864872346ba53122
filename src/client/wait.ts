import { setTimeout as sleep } from "node:timers/promises";

/** What `answer` becomes, or null when `ms` milliseconds pass first. */
export async function answerWithin<T>(answer: Promise<T>, ms: number): Promise<T | null> {
  const patience = new AbortController();
  try {
    return await Promise.race([answer, sleep(ms, null, { signal: patience.signal, ref: true })]);
  } finally {
    patience.abort();
  }
}
