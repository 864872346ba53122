interface Entry<Key, Value> {
  readonly key: Key;
  value: Value;
  older: Entry<Key, Value> | null;
  newer: Entry<Key, Value> | null;
}

/**
 * A map that knows which key was set longest ago. A `Map` whose keys are deleted and set again knows that, too, but finds its first
 * key only behind all that were deleted: with some thousand machines that takes longer than all else that is done with a packet.
 */
export class RecentMap<Key, Value> {
  readonly #entries = new Map<Key, Entry<Key, Value>>();
  #oldest: Entry<Key, Value> | null = null;
  #newest: Entry<Key, Value> | null = null;

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Sets a value and makes its key the newest one. */
  set(key: Key, value: Value): void {
    const known = this.#entries.get(key);
    if (known === undefined) {
      const entry = { key, value, older: null, newer: null };
      this.#entries.set(key, entry);
      this.#append(entry);
      return;
    }
    known.value = value;
    if (known === this.#newest) return;
    this.#unlink(known);
    this.#append(known);
  }

  delete(key: Key): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#unlink(entry);
    return true;
  }

  /** The key that was set longest ago; undefined where there is none. */
  oldestKey(): Key | undefined {
    return this.#oldest?.key;
  }

  /** As they are now, the oldest first. */
  entries(): readonly (readonly [Key, Value])[] {
    const all: (readonly [Key, Value])[] = [];
    for (let entry = this.#oldest; entry !== null; entry = entry.newer) {
      all.push([entry.key, entry.value]);
    }
    return all;
  }

  /** As they are now, the oldest first. */
  values(): readonly Value[] {
    const all: Value[] = [];
    for (let entry = this.#oldest; entry !== null; entry = entry.newer) all.push(entry.value);
    return all;
  }

  #append(entry: Entry<Key, Value>): void {
    entry.older = this.#newest;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<Key, Value>): void {
    const { older, newer } = entry;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    entry.older = null;
    entry.newer = null;
  }
}
