import type { FileHandle } from "node:fs/promises";
import type { ReadBytes } from "./open-file.ts";

/** Large reads cost the least; but a client that does not read its download keeps a buffer. */
const largeBytes = 512 * 1024;
const smallBytes = 64 * 1024;
/** Large buffers in use; who comes after that reads in small ones. */
const maxLarge = 128;
/** Unused buffers that are kept, in bytes. */
const maxKeptBytes = 16 * 1024 * 1024;

// Node reads files in four threads, which also write the lease journal: an acknowledgement waits for that.
const readsAtOnce = 2;

/** Reads files into buffers that are used again, in the order of the requests. */
export class ReadBuffers {
  readonly #keptLarge: Buffer[] = [];
  readonly #keptSmall: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #reading = 0;
  #largeInUse = 0;

  /** Up to `length` bytes from `offset`. */
  async read(handle: FileHandle, offset: number, length: number): Promise<ReadBytes> {
    if (this.#reading >= readsAtOnce) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#reading += 1;
    const buffer = this.#take(length);
    try {
      const wanted = Math.min(length, buffer.length);
      const { bytesRead } = await handle.read(buffer, 0, wanted, offset);
      return { bytes: buffer.subarray(0, bytesRead), release: () => this.#giveBack(buffer) };
    } catch (error) {
      this.#giveBack(buffer);
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#reading -= 1;
      else next();
    }
  }

  #take(length: number): Buffer {
    if (length <= smallBytes || this.#largeInUse >= maxLarge) {
      return this.#keptSmall.pop() ?? Buffer.allocUnsafeSlow(smallBytes);
    }
    this.#largeInUse += 1;
    return this.#keptLarge.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
  }

  #giveBack(buffer: Buffer): void {
    const isLarge = buffer.length === largeBytes;
    if (isLarge) this.#largeInUse -= 1;
    const kept = isLarge ? this.#keptLarge : this.#keptSmall;
    if ((kept.length + 1) * buffer.length <= maxKeptBytes) kept.push(buffer);
  }
}
