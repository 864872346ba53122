import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceOpen, syncPath } from "../../lib/atomic-file.ts";
import { errnoOf, InternalError } from "../../lib/errors.ts";
import { encodeLine, type Replay, replayJournal } from "./journal-format.ts";
import { type Lease, type Leases, LeaseTable } from "./lease-table.ts";

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

export interface Journal {
  /**
   * Resolves once the lease is on disk and survives a power failure. Leases that are appended at the
   * same time share one write. Rejects when it could not be written (a full disk); a later append
   * tries again.
   */
  append(lease: Lease): Promise<void>;
  /** The leases as they are on disk, which is what a crash would leave. */
  readonly written: Leases;
  /** Writes what is under way, then closes the file. */
  close(): Promise<void>;
}

export interface JournalOptions {
  /** Made if missing. */
  readonly dataDir: string;
  /** Filled from the journal. */
  readonly leases: LeaseTable;
  /** The size below which a journal is never compacted. Default: 1 MiB. */
  readonly compactAboveBytes?: number;
}

/**
 * Opens the journal of the data folder and replays it into `leases`. What is damaged is reported in
 * `replay` and left out; it never keeps the program from starting.
 */
export async function openJournal(
  options: JournalOptions,
): Promise<{ journal: Journal; replay: Replay }> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o750 });
  const path = journalFile(options.dataDir);
  const replay = replayJournal(await readIfThere(path));
  for (const lease of replay.leases) options.leases.restore(lease);
  const file = await open(path, "a", 0o640);
  // A torn line must not become the beginning of the next one.
  await file.truncate(replay.wholeBytes);
  await syncPath(options.dataDir);
  const journal = new LeaseJournal(path, file, replay, options);
  return { journal, replay };
}

async function readIfThere(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return new Uint8Array();
    throw error;
  }
}

interface Pending {
  readonly lease: Lease;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class LeaseJournal implements Journal {
  readonly written = new LeaseTable();
  readonly #path: string;
  readonly #options: JournalOptions;
  #file: FileHandle;
  /** Up to here the file is whole and on disk. */
  #size: number;
  #compactAt: number;
  /** After a failed sync it is unknown what is on disk: only a new file helps. */
  #doubtful = false;
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

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    await this.#file.close();
  }

  /** One write and one sync for all that came while the one before was under way. */
  async #flush(): Promise<void> {
    // Requests that have arrived already share the first write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0);
      try {
        if (this.#doubtful || this.#size > this.#compactAt) await this.#tryToCompact();
        await this.#write(batch.map(({ lease }) => encodeLine(lease)).join(""));
        for (const { lease, resolve } of batch) {
          this.written.restore(lease);
          resolve();
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#flushing = null;
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
    const { file, result: size } = await replaceOpen(this.#path, (fresh) => this.#writeEach(fresh));
    const old = this.#file;
    this.#file = file;
    this.#size = size;
    this.#compactAt = this.#threshold(size);
    // Until the folder is on disk, a power failure may bring back the old file.
    this.#doubtful = true;
    await old.close();
    await syncPath(this.#options.dataDir);
    this.#doubtful = false;
  }

  /** Each lease once, a part at a time: requests that need no disk are answered in between. */
  async #writeEach(file: FileHandle): Promise<number> {
    const leases = this.written.all();
    let size = 0;
    for (let at = 0; at < leases.length; at += LEASES_AT_ONCE) {
      const part = leases.slice(at, at + LEASES_AT_ONCE);
      const bytes = new TextEncoder().encode(part.map(encodeLine).join(""));
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
