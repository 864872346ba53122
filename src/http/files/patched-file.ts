import type { OpenFile, ReadBytes } from "./open-file.ts";

/** Read at a time, besides what stands around it. */
const mostBytes = 256 * 1024;
const SPACE = 0x20;

/**
 * A file with a text in the place of each placeholder, filled up with blanks: as long as it was. Of each part that is
 * read the placeholder's length around it is looked at as well, so that it does not matter in which parts the file is
 * sent, and nothing but such a part is ever in memory. Where placeholders overlap, the one that begins first counts.
 */
export class PatchedFile implements OpenFile {
  readonly #inner: OpenFile;
  readonly #placeholder: Buffer;
  readonly #text: Buffer;

  /** @param text not longer than the placeholder */
  constructor(inner: OpenFile, placeholder: Uint8Array, text: Uint8Array) {
    this.#inner = inner;
    this.#placeholder = Buffer.from(placeholder);
    this.#text = Buffer.alloc(placeholder.length, SPACE);
    this.#text.set(text);
  }

  get size(): number {
    return this.#inner.size;
  }

  get modifiedMs(): number {
    return this.#inner.modifiedMs;
  }

  /** It would have to be searched each time. */
  inMemory(): null {
    return null;
  }

  async read(offset: number, length: number): Promise<ReadBytes> {
    const around = this.#placeholder.length - 1;
    const end = Math.min(offset + Math.min(length, mostBytes), this.size);
    const from = Math.max(0, offset - around);
    const bytes = await this.#whole(from, Math.min(end + around, this.size));
    const starts = this.#starts(bytes);
    // The first one last, so that it counts.
    for (const start of starts.toReversed()) this.#text.copy(bytes, start);
    return {
      bytes: bytes.subarray(offset - from, Math.max(offset, end) - from),
      release: () => {},
    };
  }

  close(): void {
    this.#inner.close();
  }

  #starts(bytes: Buffer): readonly number[] {
    const starts: number[] = [];
    let at = bytes.indexOf(this.#placeholder);
    while (at !== -1) {
      starts.push(at);
      at = bytes.indexOf(this.#placeholder, at + 1);
    }
    return starts;
  }

  /** The bytes from one place to another; fewer where the file has become shorter. */
  async #whole(from: number, to: number): Promise<Buffer> {
    const whole = Buffer.allocUnsafeSlow(to - from);
    let filled = 0;
    while (filled < whole.length) {
      const part = await this.#inner.read(from + filled, whole.length - filled);
      const { length } = part.bytes;
      whole.set(part.bytes, filled);
      filled += length;
      part.release();
      if (length === 0) break;
    }
    return whole.subarray(0, filled);
  }
}
