/*
 * Work on much data in steps, so that the event loop has others' work in between. What takes the steps is a generator:
 * pure, and tests take all of them at once.
 */

/**
 * What the steps come to; after each so many of them others have their turn.
 *
 * @param nextTurn resolves when others have had theirs
 */
export async function inTurns<Result>(
  work: Generator<void, Result>,
  stepsInOne: number,
  nextTurn: () => Promise<unknown>,
): Promise<Result> {
  for (let steps = 1; ; steps += 1) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (steps % stepsInOne === 0) await nextTurn();
  }
}

/** What the steps come to, without a pause. */
export function atOnce<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** The first so many of the items that are wanted; a step for each that is looked at. */
export function* firstWanted<Item>(
  items: Iterable<Item>,
  count: number,
  isWanted: (item: Item) => boolean,
): Generator<void, Item[]> {
  const found: Item[] = [];
  for (const item of items) {
    if (found.length >= count) break;
    if (isWanted(item)) found.push(item);
    yield;
  }
  return found;
}

/** What is made of each item, in their order; a step for each. */
export function* madeOfEach<Item, Made>(
  items: readonly Item[],
  make: (item: Item) => Made,
): Generator<void, Made[]> {
  const made: Made[] = [];
  for (const item of items) {
    made.push(make(item));
    yield;
  }
  return made;
}
