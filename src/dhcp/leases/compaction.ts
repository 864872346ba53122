import type { FileHandle } from "node:fs/promises";
import { replaceOpen } from "../../lib/atomic-file.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { JournalFile, openDurable } from "./journal-file.ts";
import type { Lease } from "./lease-table.ts";

const LEASES_AT_ONCE = 500;

/** What is under the journal's name now. */
export interface Compacted {
  readonly file: JournalFile;
  /** What each lease took once, without those that came meanwhile. */
  readonly bytes: number;
}

/**
 * A journal that is written anew, each lease once, while leases go on being appended to the old file. Only for its
 * end nothing may be appended: it waits for `letEnd`.
 */
export class Compaction {
  readonly #clock: SteadyClock;
  /** As they were at the beginning, then those that were appended to the old file since. */
  readonly #leases: Lease[];
  #written = 0;
  #isWaiting = false;
  #letEnd = (): void => {};
  readonly #mayEnd = new Promise<void>((resolve) => {
    this.#letEnd = resolve;
  });

  constructor(leases: readonly Lease[], clock: SteadyClock) {
    this.#leases = [...leases];
    this.#clock = clock;
  }

  /** A lease that is on the disk in the old file. */
  add(lease: Lease): void {
    this.#leases.push(lease);
  }

  /** Whether it has come to its end. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** From now on no lease is added, until `replace` has settled and the new file is in use. */
  letEnd(): void {
    this.#isWaiting = false;
    this.#letEnd();
  }

  /**
   * Resolves when the new file has taken the name; until the folder is synced a power failure may bring back the
   * old one. Rejects when that is still in place, and nothing else is.
   *
   * @param onWaiting called when it waits for `letEnd`
   */
  async replace(path: string, onWaiting: () => void): Promise<Compacted> {
    const opened: FileHandle[] = [];
    try {
      const { file: former, result } = await replaceOpen(path, async (handle, fresh) => {
        const file = new JournalFile(handle, this.#clock);
        await this.#writeRest(file);
        const bytes = file.size;
        // Most of what came meanwhile, so that little is left for the end, and little to sync.
        await this.#writeRest(file);
        await file.sync();
        this.#isWaiting = true;
        onWaiting();
        await this.#mayEnd;
        await this.#writeRest(file);
        // What was noted in the old file meanwhile, as when the journal is closed.
        await file.append([], true);
        // All of that is synced once, what is appended from now on each time.
        const durable = await openDurable(fresh);
        opened.push(durable);
        file.continueWith(durable);
        return { file, bytes };
      });
      // What was written by it is on the disk.
      await former.close().catch(() => {});
      return result;
    } catch (error) {
      for (const handle of opened) await handle.close();
      throw error;
    }
  }

  /** A part at a time: requests that need no disk are answered in between. */
  async #writeRest(file: JournalFile): Promise<void> {
    const end = this.#leases.length;
    while (this.#written < end) {
      const next = Math.min(end, this.#written + LEASES_AT_ONCE);
      await file.append(this.#leases.slice(this.#written, next));
      this.#written = next;
    }
  }
}
