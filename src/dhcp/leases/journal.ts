import { type FileHandle, mkdir, open, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { replaceOpen, syncPath } from "../../lib/atomic-file.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { errnoOf, InternalError } from "../../lib/errors.ts";
import { encodeLease, encodeMoment, type Replay, replayJournal } from "./journal-format.ts";
import type { LeaseStore } from "./lease-store.ts";
import { later, type Lease, LeaseTable } from "./lease-table.ts";

/*
 * The leases on disk: `leases.journal` in the data folder. Lines (`journal-format.ts`) are only ever
 * appended; when there are far more of them than leases, the file is replaced by one that has each lease
 * once.
 */

/** Where the journal of a data folder is. */
export function journalFile(dataDir: string): string {
  return join(dataDir, "leases.journal");
}

const LEASES_AT_ONCE = 500;
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
  const file = await open(path, "a", 0o640);
  // A torn line must not become the beginning of the next one.
  await file.truncate(replay.wholeBytes);
  await syncPath(options.dataDir);
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
  #file: FileHandle;
  /** Up to here the file is whole and on disk. */
  #size: number;
  #compactAt: number;
  /** After a failed sync it is unknown what is on disk: only a new file helps. */
  #doubtful = false;
  /** The offset by which times in the file differ from ours, as it says itself; null: it does not say yet. */
  #offsetMs: number | null = null;
  #clockIsDue = false;
  /** As far as is known: by the last write. */
  #writable = true;
  #checkedAtMs = -Infinity;
  #pending: Pending[] = [];
  #flushing: Promise<void> | null = null;
  #closed = false;

  constructor(path: string, file: FileHandle, replay: Replay, options: JournalOptions) {
    this.#path = path;
    this.#file = file;
    this.#size = replay.wholeBytes;
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
      this.#flushing ??= this.#flush();
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
    this.#flushing ??= this.#flush();
    return this.#flushing;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // The next start of the host finds how far the leases had come.
    const flushed = this.noteClock();
    this.#closed = true;
    await flushed;
    await this.#file.close();
  }

  /** One write and one sync for all that came while the one before was under way. */
  async #flush(): Promise<void> {
    // Requests that have arrived already share the first write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0 || this.#clockIsDue) {
      const batch = this.#pending.splice(0);
      try {
        if (this.#doubtful || this.#size > this.#compactAt) await this.#tryToCompact();
        const { offsetMs } = this.#options.clock;
        const clockFirst = this.#clockIsDue || this.#offsetMs !== offsetMs;
        this.#clockIsDue = false;
        const head = clockFirst ? encodeMoment(this.#options.clock.moment()) : "";
        await this.#write(head + this.#lines(batch, offsetMs));
        this.#offsetMs = offsetMs;
        this.#writable = true;
        for (const { lease, resolve } of batch) {
          this.written.restore(lease);
          resolve();
        }
      } catch (error) {
        this.#clockIsDue = false;
        this.#writable = false;
        for (const { reject } of batch) reject(error);
      }
    }
    this.#flushing = null;
  }

  #lines(records: readonly { readonly lease: Lease }[], offsetMs: number): string {
    const writtenAtMs = this.#options.clock.wall() + offsetMs;
    return records.map(({ lease }) => encodeLease(later(lease, offsetMs), writtenAtMs)).join("");
  }

  async #write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    try {
      await this.#file.appendFile(bytes);
    } catch (error) {
      // A full disk may have taken a part of it.
      await this.#file.truncate(this.#size).catch(() => {
        this.#doubtful = true;
      });
      throw error;
    }
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#doubtful = true;
      throw error;
    }
    this.#size += bytes.length;
  }

  async #tryToCompact(): Promise<void> {
    try {
      await this.#compact();
    } catch (error) {
      if (this.#doubtful) throw error;
      // The old file is as good as before, only long.
      this.#compactAt = this.#size + this.#compactAboveBytes;
    }
  }

  /** At every moment either the old file or the whole new one is there under the name. */
  async #compact(): Promise<void> {
    const { offsetMs } = this.#options.clock;
    const { file, result: size } = await replaceOpen(this.#path, (fresh) =>
      this.#writeEach(fresh, offsetMs),
    );
    const old = this.#file;
    this.#file = file;
    this.#offsetMs = offsetMs;
    this.#size = size;
    this.#compactAt = this.#threshold(size);
    // Until the folder is on disk, a power failure may bring back the old file.
    this.#doubtful = true;
    await old.close();
    await syncPath(this.#options.dataDir);
    this.#doubtful = false;
  }

  /** Each lease once, a part at a time: requests that need no disk are answered in between. */
  async #writeEach(file: FileHandle, offsetMs: number): Promise<number> {
    const leases = this.written.all();
    const head = encodeMoment(this.#options.clock.moment());
    await file.appendFile(head);
    let size = head.length;
    for (let at = 0; at < leases.length; at += LEASES_AT_ONCE) {
      const part = leases.slice(at, at + LEASES_AT_ONCE).map((lease) => ({ lease }));
      const bytes = new TextEncoder().encode(this.#lines(part, offsetMs));
      await file.appendFile(bytes);
      size += bytes.length;
    }
    return size;
  }

  get #compactAboveBytes(): number {
    return this.#options.compactAboveBytes ?? 1024 * 1024;
  }

  /** The size at which a file is replaced whose leases, each once, take `compactedBytes`. */
  #threshold(compactedBytes: number): number {
    return Math.max(this.#compactAboveBytes, compactedBytes * 4);
  }
}
