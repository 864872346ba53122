import { mkdir, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "../../lib/atomic-file.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { errnoOf, InternalError } from "../../lib/errors.ts";
import { Compaction } from "./compaction.ts";
import { JournalFile, openDurable } from "./journal-file.ts";
import { type Replay, replayJournal } from "./journal-format.ts";
import type { LeaseStore } from "./lease-store.ts";
import { later, type Lease, LeaseTable } from "./lease-table.ts";

/*
 * The leases on disk: `leases.journal` in the data folder. Lines (`journal-format.ts`) are only ever
 * appended; when there are far more of them than leases, the file is replaced by one that has each lease
 * once. That one is written beside the appends (`compaction.ts`), which go on to the old file and wait only for the
 * end of it: at every moment either the old file or the new one is there, whole, with all that was acknowledged.
 */

/** Where the journal of a data folder is. */
export function journalFile(dataDir: string): string {
  return join(dataDir, "leases.journal");
}

const CHECK_EVERY_MS = 1000;

export interface JournalOptions {
  /** Made if missing. */
  readonly dataDir: string;
  /** Filled from the journal. */
  readonly leases: LeaseTable;
  /** By which all leases outside of the file have their times. */
  readonly clock: SteadyClock;
  /** The size below which a journal is never compacted. Default: 1 MiB. */
  readonly compactAboveBytes?: number;
}

/**
 * Opens the journal of the data folder and replays it into `leases`. What is damaged is reported in
 * `replay` and left out; it never keeps the program from starting.
 */
export async function openJournal(
  options: JournalOptions,
): Promise<{ journal: LeaseStore; replay: Replay }> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o750 });
  const path = journalFile(options.dataDir);
  const replay = readLeases(await readIfThere(path), options.clock);
  for (const lease of replay.leases) options.leases.restore(lease);
  const handle = await openDurable(path);
  // A torn line must not become the beginning of the next one.
  await handle.truncate(replay.wholeBytes);
  await syncPath(options.dataDir);
  const file = new JournalFile(handle, options.clock, replay.wholeBytes);
  const journal = new LeaseJournal(path, file, replay, options);
  await journal.noteClock();
  return { journal, replay };
}

/** What is in the bytes of a journal, with times by the program's clock. */
export function readLeases(bytes: Uint8Array, clock: SteadyClock): Replay {
  const replay = replayJournal(bytes, clock.moment());
  return { ...replay, leases: replay.leases.map((lease) => later(lease, -clock.offsetMs)) };
}

async function readIfThere(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return new Uint8Array();
    throw error;
  }
}

/** Whether the file system says that it has room; a quota or a fault shows only when something is written. */
async function hasRoom(folder: string): Promise<boolean> {
  try {
    return (await statfs(folder)).bavail > 0;
  } catch {
    return false;
  }
}

interface Pending {
  readonly lease: Lease;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class LeaseJournal implements LeaseStore {
  readonly written = new LeaseTable();
  readonly #path: string;
  readonly #options: JournalOptions;
  #file: JournalFile;
  #compactAt: number;
  /** The one that runs beside the appends. */
  #compaction: Compaction | null = null;
  /** Resolves when that has ended, well or not. */
  #compacting: Promise<void> = Promise.resolve();
  #clockIsDue = false;
  /** As far as is known: by the last write. */
  #writable = true;
  #checkedAtMs = -Infinity;
  #pending: Pending[] = [];
  #flushing: Promise<void> | null = null;
  #closed = false;

  constructor(path: string, file: JournalFile, replay: Replay, options: JournalOptions) {
    this.#path = path;
    this.#file = file;
    this.#options = options;
    for (const lease of replay.leases) this.written.restore(lease);
    // About what the leases would take, each once.
    const bytesEach = replay.wholeBytes / Math.max(1, replay.leases.length);
    this.#compactAt = this.#threshold(bytesEach * this.written.all().length);
  }

  append(lease: Lease): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new InternalError("the lease journal is closed"));
        return;
      }
      this.#pending.push({ lease, resolve, reject });
      void this.#wake();
    });
  }

  /** Where the last write failed or no room is left it is tried, at most once a second; else it is looked for room as often. */
  isWritable(): boolean | Promise<boolean> {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#checkedAtMs < CHECK_EVERY_MS) return this.#writable;
    this.#checkedAtMs = nowMs;
    return this.#check();
  }

  async #check(): Promise<boolean> {
    if (!this.#writable || !(await hasRoom(this.#options.dataDir))) await this.noteClock();
    return this.#writable;
  }

  noteClock(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#clockIsDue = true;
    return this.#wake();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // The next start of the host finds how far the leases had come.
    const flushed = this.noteClock();
    this.#closed = true;
    await flushed;
    await this.#compacting;
    await this.#flushing;
    await this.#file.close();
  }

  #wake(): Promise<void> {
    this.#flushing ??= this.#flush();
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    // Requests that have arrived already share the first write.
    await new Promise((resolve) => setImmediate(resolve));
    for (;;) {
      if (this.#compaction?.isWaiting === true) await this.#endCompaction();
      else if (this.#pending.length > 0 || this.#clockIsDue) await this.#writePending();
      else break;
    }
    this.#flushing = null;
  }

  /** One write, which is synced, for all that came while the one before was under way. */
  async #writePending(): Promise<void> {
    const batch = this.#pending.splice(0);
    const clockIsDue = this.#clockIsDue;
    this.#clockIsDue = false;
    try {
      const leases = batch.map(({ lease }) => lease);
      await this.#write(leases, clockIsDue);
      this.#writable = true;
      for (const { lease, resolve } of batch) {
        this.written.restore(lease);
        this.#compaction?.add(lease);
        resolve();
      }
    } catch (error) {
      this.#writable = false;
      for (const { reject } of batch) reject(error);
    }
  }

  async #write(leases: readonly Lease[], noteClock: boolean): Promise<void> {
    if (this.#file.isDoubtful) await this.#compactAlone();
    else if (this.#file.size > this.#compactAt && this.#compaction === null) this.#compactBeside();
    const isBeside = this.#compaction !== null;
    try {
      await this.#file.append(leases, noteClock);
    } catch (error) {
      if (!isBeside) throw error;
      // The new file may have taken the room that is missing, and it helps where this one is doubtful.
      await this.#endCompaction();
      await this.#write(leases, noteClock);
    }
  }

  /** The only way on from a doubtful file; rejects what waits for it when it fails. */
  async #compactAlone(): Promise<void> {
    const compaction = new Compaction(this.written.all(), this.#options.clock);
    compaction.letEnd();
    await this.#replaceFile(compaction);
  }

  #compactBeside(): void {
    const compaction = new Compaction(this.written.all(), this.#options.clock);
    this.#compaction = compaction;
    this.#compacting = this.#replaceFile(compaction)
      .catch(() => {
        // The old file is as good as before, only long.
        this.#compactAt = this.#file.size + this.#compactAboveBytes;
      })
      .finally(() => {
        this.#compaction = null;
      });
  }

  /** Nothing is appended until the compaction that runs has ended, well or not. */
  async #endCompaction(): Promise<void> {
    this.#compaction?.letEnd();
    await this.#compacting;
  }

  async #replaceFile(compaction: Compaction): Promise<void> {
    const { file, bytes } = await compaction.replace(this.#path, () => void this.#wake());
    // Until the folder is on disk, a power failure may bring back the old file.
    file.isDoubtful = true;
    const old = this.#file;
    this.#file = file;
    this.#compactAt = this.#threshold(bytes);
    await old.close();
    await syncPath(this.#options.dataDir);
    file.isDoubtful = false;
  }

  get #compactAboveBytes(): number {
    return this.#options.compactAboveBytes ?? 1024 * 1024;
  }

  /** The size at which a file is replaced whose leases, each once, take `compactedBytes`. */
  #threshold(compactedBytes: number): number {
    return Math.max(this.#compactAboveBytes, compactedBytes * 4);
  }
}
