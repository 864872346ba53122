import type { FileHandle } from "node:fs/promises";
import type { SteadyClock } from "../../lib/clock.ts";
import { encodeLease, encodeMoment } from "./journal-format.ts";
import { later, type Lease } from "./lease-table.ts";

/** A file of whole lines that is only appended to, and that says itself by which clock its times are. */
export class JournalFile {
  readonly #handle: FileHandle;
  readonly #clock: SteadyClock;
  /** The offset by which times in the file differ from ours, as it says itself; null: it does not say yet. */
  #offsetMs: number | null = null;
  #size: number;
  /** It is unknown what of it a power failure would leave: only a new file helps. */
  isDoubtful = false;

  /** @param size of what is in it, which is whole */
  constructor(handle: FileHandle, clock: SteadyClock, size = 0) {
    this.#handle = handle;
    this.#clock = clock;
    this.#size = size;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /**
   * Not on the disk before `sync`. Rejects when they could not be written; then none is in the file.
   *
   * @param noteClock also where it has not been set since it was noted last
   */
  async append(leases: readonly Lease[], noteClock = false): Promise<void> {
    const { offsetMs } = this.#clock;
    const writtenAtMs = this.#clock.wall() + offsetMs;
    const clockFirst = noteClock || this.#offsetMs !== offsetMs;
    let text = clockFirst ? encodeMoment(this.#clock.moment()) : "";
    for (const lease of leases) text += encodeLease(later(lease, offsetMs), writtenAtMs);
    const bytes = Buffer.from(text);
    try {
      await this.#writeAll(bytes);
    } catch (error) {
      // A full disk may have taken a part of it.
      await this.#handle.truncate(this.#size).catch(() => {
        this.isDoubtful = true;
      });
      throw error;
    }
    this.#size += bytes.length;
    this.#offsetMs = offsetMs;
  }

  // Where each lease waits for it, `appendFile` takes as long again for itself.
  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += (await this.#handle.write(bytes, at)).bytesWritten;
    }
  }

  async sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      this.isDoubtful = true;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
