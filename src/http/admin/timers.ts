/* The only timers of the admin port; none keeps a process alive. The first two return a function that stops them. */

import { inTurns, madeOfEach } from "../../lib/lists/turns.ts";

/** Calls `act` every `intervalMs`. */
export function every(intervalMs: number, act: () => void): () => void {
  const timer = setInterval(act, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Calls `act` once. */
export function after(delayMs: number, act: () => void): () => void {
  const timer = setTimeout(act, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Machines, boots or leases that are looked at in one turn of the event loop, some milliseconds. */
const LOOKED_AT_IN_ONE_TURN = 500;
/** The same where what is known of each is put together. */
const DESCRIBED_IN_ONE_TURN = 50;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What looking at many machines, boots or leases comes to, while others have their turns. */
export function lookedThrough<Result>(work: Generator<void, Result>): Promise<Result> {
  return inTurns(work, LOOKED_AT_IN_ONE_TURN, nextTurn);
}

/** What is told of each of the machines or boots on a page, put together while others have their turns. */
export function describedEach<Item, Told>(
  page: readonly Item[],
  describe: (item: Item) => Told,
): Promise<Told[]> {
  return inTurns(madeOfEach(page, describe), DESCRIBED_IN_ONE_TURN, nextTurn);
}
