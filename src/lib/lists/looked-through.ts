import { setImmediate as nextTurn } from "node:timers/promises";
import { inTurns, madeOfEach } from "./turns.ts";

/*
 * All machines, boots or leases, while the event loop has others' work in between.
 */

/** Machines, boots or leases that are looked at in one turn of the event loop, some milliseconds. */
const LOOKED_AT_IN_ONE_TURN = 500;
/** The same where what is known of each is put together. */
const DESCRIBED_IN_ONE_TURN = 50;

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
