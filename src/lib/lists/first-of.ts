/**
 * The first `count` in this order of the items that are added. Takes one pass and room for twice as many: what is listed
 * page by page is not sorted as a whole for each page.
 */
export class FirstOf<Item> {
  readonly #count: number;
  readonly #order: (a: Item, b: Item) => number;
  #kept: Item[] = [];
  /** The last one that can still be among them; null: any can. */
  #last: Item | null = null;

  constructor(count: number, order: (a: Item, b: Item) => number) {
    this.#count = count;
    this.#order = order;
  }

  add(item: Item): void {
    if (this.#last !== null && this.#order(item, this.#last) >= 0) return;
    this.#kept.push(item);
    if (this.#kept.length < 2 * this.#count) return;
    this.#kept = this.sorted();
    this.#last = this.#kept.at(-1) ?? null;
  }

  sorted(): Item[] {
    return this.#kept.toSorted(this.#order).slice(0, this.#count);
  }
}
