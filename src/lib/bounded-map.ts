/**
 * A map that keeps at most `maxSize` keys: the key that was set longest ago goes first. What the network
 * can add to is kept in one, so that no flood fills the memory.
 */
export class BoundedMap<Key, Value> {
  readonly #maxSize: number;
  readonly #entries = new Map<Key, Value>();

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
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxSize) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  /** The oldest first. */
  entries(): MapIterator<[Key, Value]> {
    return this.#entries.entries();
  }

  /** The oldest first. */
  values(): MapIterator<Value> {
    return this.#entries.values();
  }
}
