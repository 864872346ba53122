import { RecentMap } from "./lists/recent-map.ts";

/**
 * A map that keeps at most `maxSize` keys: the key that was set longest ago goes first. What the network
 * can add to is kept in one, so that no flood fills the memory.
 */
export class BoundedMap<Key, Value> {
  readonly #maxSize: number;
  readonly #entries = new RecentMap<Key, Value>();

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Sets a value and makes its key the newest one. */
  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxSize) return;
    const oldest = this.#entries.oldestKey();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  /** As they are now, the oldest first. */
  entries(): readonly (readonly [Key, Value])[] {
    return this.#entries.entries();
  }

  /** As they are now, the oldest first. */
  values(): readonly Value[] {
    return this.#entries.values();
  }
}
