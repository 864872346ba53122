/**
 * The first `count` of the items in this order, sorted. Takes one pass and room for twice as many: what is listed
 * page by page is not sorted as a whole for each page.
 */
export function firstOf<Item>(
  items: Iterable<Item>,
  count: number,
  order: (a: Item, b: Item) => number,
): Item[] {
  let kept: Item[] = [];
  let last: Item | null = null;
  for (const item of items) {
    if (last !== null && order(item, last) >= 0) continue;
    kept.push(item);
    if (kept.length < 2 * count) continue;
    kept = kept.toSorted(order).slice(0, count);
    last = kept.at(-1) ?? null;
  }
  return kept.toSorted(order).slice(0, count);
}
