import { constants, type FileHandle, open } from "node:fs/promises";
import type { SteadyClock } from "../../lib/clock.ts";
import { errnoOf } from "../../lib/errors.ts";
import { encodeLease, encodeMoment } from "./journal-format.ts";
import { later, type Lease } from "./lease-table.ts";

const { O_APPEND, O_CREAT, O_DSYNC, O_WRONLY } = constants;
/** There is no room; what is in the file is as good as before. */
const noRoom: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/**
 * Opens a file so that what is appended is on the disk when the write returns (`O_DSYNC`, open(2)): one call in place of two, each of
 * which another thread makes and is woken for.
 */
export function openDurable(path: string): Promise<FileHandle> {
  return open(path, O_WRONLY | O_APPEND | O_CREAT | O_DSYNC, 0o640);
}

/** A file of whole lines that is only appended to, and that says itself by which clock its times are. */
export class JournalFile {
  #handle: FileHandle;
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
   * On the disk by then where the file is opened by `openDurable`, else not before `sync`. Rejects when they could not be written;
   * then none is in the file.
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
      if (!noRoom.has(errnoOf(error))) this.isDoubtful = true;
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

  /** Puts on the disk what was appended. */
  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  /** Goes on with the same file, opened anew, and leaves the former handle to who opened it. */
  continueWith(handle: FileHandle): void {
    this.#handle = handle;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
