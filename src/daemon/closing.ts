import type { Clock } from "../lib/clock.ts";

export type Close = (graceMs: number) => Promise<void> | void;

export interface Closing {
  /** What machines and people use: each has the whole grace for what is under way. */
  readonly opened: readonly Close[];
  /** What these still write to when they end, such as a database: closed after them, or when the grace is over. */
  readonly last: readonly Close[];
}

/** So much longer than the grace everything together may take. */
const LAST_MS = 500;

/**
 * Closes all within `graceMs` and half a second, as far as each keeps to the time that it is given. What waits in vain for
 * one of the last, such as a statement for a database that hangs, ends with it.
 */
export async function closeInTime(
  { opened, last }: Closing,
  graceMs: number,
  clock: Pick<Clock, "now">,
): Promise<void> {
  const untilMs = clock.now() + graceMs + LAST_MS;
  const closing = Promise.all(opened.map(async (close) => close(graceMs)));
  await within(graceMs + LAST_MS / 2, closing);
  const leftMs = Math.max(0, untilMs - clock.now());
  await Promise.all([closing, ...last.map((close) => close(leftMs))]);
}

/** Settles as the work does, or resolves when the time is over. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const isOver = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, isOver]).finally(() => clearTimeout(timer));
}
