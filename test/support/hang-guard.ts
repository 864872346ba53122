import { runInNewContext } from "node:vm";

/** Far above what a busy machine needs for work that grows with its input, and far below what it takes when it grows with its square. */
const hangMs = 60_000;

/**
 * Does what never waits, and ends it when it takes a minute: also within a regular expression, which no timeout of a
 * test's ends.
 *
 * @throws what `work` throws, or an error that says that it timed out
 */
export function withinReason(work: () => void): void {
  runInNewContext("work()", { work }, { timeout: hangMs });
}
