/** Reads of a file on disk in lock-step are joined to this many bytes. */
const READ_AHEAD_BYTES = 65_536;
const nothing = new Uint8Array(0);

/** Bytes of a file: from `offset`, `length` of them. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** The part of a file that is in memory, and the read of another one that is under way. */
export class ReadAhead {
  readonly #size: number;
  #offset = 0;
  #bytes: Uint8Array = nothing;
  #awaited: number | null = null;

  /** Of a file of `size` bytes. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Bytes are awaited. */
  get reading(): boolean {
    return this.#awaited !== null;
  }

  /** Whether the bytes from `from` to before `to` are in memory. */
  holds(from: number, to: number): boolean {
    return from >= this.#offset && to <= this.#offset + this.#bytes.length;
  }

  /** What to read to have the bytes from `from` to before `to`, and some more; `take` gets the result. */
  ask(from: number, to: number): ByteRange {
    const length = Math.min(Math.max(to - from, READ_AHEAD_BYTES), this.#size - from);
    this.#offset = from;
    this.#bytes = nothing;
    this.#awaited = length;
    return { offset: from, length };
  }

  /** The bytes that were read; false if they are fewer than asked for. */
  take(bytes: Uint8Array): boolean {
    if (bytes.length < (this.#awaited ?? 0)) return false;
    this.#awaited = null;
    this.#bytes = bytes;
    return true;
  }

  /** Bytes that are in memory. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from - this.#offset, to - this.#offset);
  }

  /** Frees the memory. */
  drop(): void {
    this.#bytes = nothing;
  }
}
