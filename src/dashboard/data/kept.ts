import { isSame } from "./same.ts";

/*
 * What was answered is put beside what is kept, some at a time: thousands at once would hold up who scrolls.
 */

/** So many are compared in one turn: a millisecond. */
const sliceSize = 50;

/** Keeps those that are not the same as before; what did not change stays the same object. */
export async function keepChanged<T>(
  kept: Map<string, T>,
  values: readonly T[],
  keyOf: (value: T) => string,
): Promise<void> {
  for (const [index, value] of values.entries()) {
    if (index % sliceSize === 0) await turn();
    const key = keyOf(value);
    if (!isSame(kept.get(key), value)) kept.set(key, value);
  }
}

/** Lets frames be drawn and keys be heard. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
