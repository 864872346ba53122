/**
 * The values of a metric's label: the first so many are taken as they are, all others are `other`. Each value is a
 * series that is kept for ever, here and in whatever collects them, and files and causes may one day be more than today.
 */
export class BoundedLabel {
  readonly #most: number;
  readonly #values = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  take(value: string): string {
    if (this.#values.has(value)) return value;
    if (this.#values.size >= this.#most) return "other";
    this.#values.add(value);
    return value;
  }
}
