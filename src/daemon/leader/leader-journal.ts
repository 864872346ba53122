import { randomUUID } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { journalFile } from "../../dhcp/leases/journal.ts";
import type { LeaseStore } from "../../dhcp/leases/lease-store.ts";
import { type Leases, LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Emit } from "../../events/types.ts";
import { replaceFile } from "../../lib/atomic-file.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { ConfigError, errnoOf, InternalError, messageOf } from "../../lib/errors.ts";
import { openLeaseJournal } from "../state/lease-journal.ts";

export interface LeaderJournalParts {
  /** The folder of the journal; all replicas' own, or each has one. */
  readonly folder: string;
  /** Filled when the journal is opened, and empty while it is closed. */
  readonly leases: LeaseTable;
  readonly clock: SteadyClock;
  readonly emit: Emit;
}

/** A lease journal that only the leader has open: another one may write to the same file otherwise. */
export class LeaderJournal implements LeaseStore {
  readonly #parts: LeaderJournalParts;
  readonly #nothing: Leases = new LeaseTable();
  #opened: LeaseStore | null = null;

  constructor(parts: LeaderJournalParts) {
    this.#parts = parts;
  }

  get written(): Leases {
    return this.#opened?.written ?? this.#nothing;
  }

  /**
   * Opens it and restores its leases. Resolves with the journal's name, by which it is known again wherever its
   * volume is mounted.
   *
   * @throws ConfigError when it cannot be used
   */
  async open(): Promise<string> {
    const { folder, leases, clock, emit } = this.#parts;
    if (this.#opened !== null) throw new InternalError("the lease journal is open already");
    const name = await nameOf(folder);
    leases.clear();
    this.#opened = await openLeaseJournal(folder, leases, clock, emit);
    return name;
  }

  append(lease: Parameters<LeaseStore["append"]>[0]): Promise<void> {
    return (
      this.#opened?.append(lease) ??
      Promise.reject(new InternalError("this replica is not the leader, so it grants no lease"))
    );
  }

  noteClock(): Promise<void> {
    return this.#opened?.noteClock() ?? Promise.resolve();
  }

  isWritable(): boolean | Promise<boolean> {
    return this.#opened?.isWritable() ?? false;
  }

  /** Writes what is under way; what comes later is refused. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    await opened?.close();
    this.#parts.leases.clear();
  }
}

/** A journal that was removed is another one from then on. */
async function nameOf(folder: string): Promise<string> {
  const file = join(folder, "leases.id");
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    if (await isThere(journalFile(folder))) {
      const name = (await readFile(file, "utf8").catch(() => "")).trim();
      if (/^[0-9a-f-]{36}$/.test(name)) return name;
    }
    const name = randomUUID();
    await replaceFile(file, `${name}\n`, { durable: true });
    return name;
  } catch (error) {
    throw new ConfigError([
      `the folder of the lease journal, ${folder}, cannot be used: ${messageOf(error)}`,
    ]);
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
