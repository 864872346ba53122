import { type LeaseStore, LeaseTakenError } from "../../dhcp/leases/lease-store.ts";
import { isQuarantine, type Lease, LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Database, Part } from "./database.ts";
import {
  leaseColumns,
  leaseOfRow,
  type LeaseRow,
  lostLeases,
  networkNameOf,
  readLeaseRows,
  readRecorded,
  recordLeases,
  wantedRows,
  type WantedLease,
} from "./lease-rows.ts";
import { DatabaseError, isOfValues, isToRepeat } from "./sql.ts";

export interface SharedLeasesParts {
  readonly database: Pick<Database, "query" | "isUsable" | "place" | "server">;
  /** What handlers decide by; filled with what the database has. */
  readonly leases: LeaseTable;
  /** By which the leases have their times. */
  readonly clock: Clock;
}

/** In one statement; a commit takes some milliseconds, however many there are. */
const MOST_AT_ONCE = 200;
/** Two servers that get in each other's way more often than this at one moment have another fault. */
const MOST_ATTEMPTS = 6;

interface Pending {
  readonly lease: Lease;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

/**
 * The leases in the database that several servers share. That nothing is given twice is the database's doing: each lease
 * is written by a statement that succeeds for one server alone. What is known here of other servers' leases is read twice
 * a second; it only has to be recent, so that machines are rarely offered what is taken.
 */
export class SharedLeases implements LeaseStore, Part {
  readonly written = new LeaseTable();
  readonly #parts: SharedLeasesParts;
  /** Of the rows that `written` has. */
  readonly #versions = new Map<Ip4, string>();
  /** Addresses of which something is being written. */
  readonly #unsettled = new Map<Ip4, number>();
  /** What this server writes it knows by the answer; it asks for that when it has connected. */
  readonly newsOf = `SELECT ${leaseColumns} FROM eim_pxe_leases l
    WHERE l.version >= $1::text::xid8 AND (l.server <> $2::text OR $1::text = '0')`;
  #pending: Pending[] = [];
  #flushing: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: SharedLeasesParts) {
    this.#parts = parts;
  }

  get place(): string {
    return this.#parts.database.place;
  }

  append(lease: Lease): Promise<void> {
    return new Promise((resolve, reject) => {
      const { database } = this.#parts;
      if (this.#isClosed || !database.isUsable) {
        reject(new DatabaseError(`${database.place} cannot be used`));
        return;
      }
      this.#unsettled.set(lease.address, (this.#unsettled.get(lease.address) ?? 0) + 1);
      this.#pending.push({ lease, resolve, reject, attempts: 0 });
      this.#flushing ??= this.#flush();
    });
  }

  /** Times in the database are by its own clock. */
  noteClock(): Promise<void> {
    return Promise.resolve();
  }

  isWritable(): Promise<boolean> {
    return Promise.resolve(this.#parts.database.isUsable);
  }

  mayLackLeases(): boolean {
    return !this.#parts.database.isUsable;
  }

  /** Takes up what is in the database. @param isAll all rows, after a time in which something may have been missed */
  news(found: readonly unknown[], isAll: boolean, askedAtMs: number): void {
    const rows = readLeaseRows(found);
    const lost = isAll
      ? lostLeases(this.written, this.#versions, rows, this.#parts.clock.wall())
      : [];
    for (const row of rows) {
      if (this.#versions.get(row.address) === row.version) continue;
      const lease = this.#takeUp(row, askedAtMs);
      // What is decided here meanwhile shows when it is written.
      if (!this.#unsettled.has(row.address)) this.#parts.leases.restore(lease);
    }
    for (const lease of lost) {
      this.#parts.leases.restore(lease);
      void this.append(lease).catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#flushing;
  }

  #takeUp(row: LeaseRow, askedAtMs: number): Lease {
    const lease = leaseOfRow(row, askedAtMs);
    this.#know(lease, row.version);
    return lease;
  }

  #know(lease: Lease, version: string): void {
    if (!isQuarantine(lease)) {
      const former = this.#otherOf(lease);
      if (former !== null) this.#versions.delete(former.address);
    }
    this.written.restore(lease);
    this.#versions.set(lease.address, version);
  }

  /** The lease of the same machine in the same network at another address. */
  #otherOf(lease: Lease): Lease | null {
    const network = networkNameOf(lease);
    const others = this.written.allOfMachine(lease.mac);
    return (
      others.find((one) => networkNameOf(one) === network && one.address !== lease.address) ?? null
    );
  }

  /** One statement for all that came while the one before was under way. */
  async #flush(): Promise<void> {
    // Requests that have arrived already share the first one.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#write(batch);
      } catch (error) {
        if (batch.length > 1 && isOfValues(error) && !isToRepeat(error))
          await this.#writeEach(batch);
        else for (const one of batch) this.#failed(one, error);
      }
    }
    this.#flushing = null;
  }

  /** One of them has a value that the database does not take: the others are none the worse for it. */
  async #writeEach(batch: readonly Pending[]): Promise<void> {
    for (const one of batch) {
      await this.#write([one]).catch((error: unknown) => this.#failed(one, error));
    }
  }

  #failed(one: Pending, error: unknown): void {
    one.attempts += 1;
    if (isToRepeat(error) && one.attempts < MOST_ATTEMPTS) this.#pending.push(one);
    else this.#settle(one, () => one.reject(error));
  }

  /** In their order, no address twice, and no machine twice in a network. */
  #nextBatch(): Pending[] {
    const batch: Pending[] = [];
    const later: Pending[] = [];
    const used = new Set<string>();
    for (const one of this.#pending) {
      const { lease } = one;
      const keys = [lease.address, `${lease.mac} ${networkNameOf(lease)}`];
      const isFree = batch.length < MOST_AT_ONCE && keys.every((key) => !used.has(key));
      (isFree ? batch : later).push(one);
      for (const key of keys) used.add(key);
    }
    this.#pending = later;
    return batch;
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    const { database, clock } = this.#parts;
    const askedAtMs = clock.wall();
    const wanted = batch.map(({ lease }) => this.#wanted(lease));
    const params = [wantedRows(wanted, askedAtMs), database.server];
    const { put, held } = readRecorded(await database.query(recordLeases, params));
    for (const one of batch) {
      const { lease } = one;
      const version = put.get(lease.address);
      const rows = held.get(lease.address);
      if (version !== undefined) {
        this.#know(lease, version);
        this.#settle(one, one.resolve);
        if (this.#parts.leases.at(lease.address) === null) this.#parts.leases.restore(lease);
      } else if (rows !== undefined) {
        const [holder = null] = rows.map((row) => this.#takeUp(row, askedAtMs));
        this.#settle(one, () => one.reject(new LeaseTakenError(lease, holder)));
      } else {
        // Another server wrote the row at that moment: now it can be seen.
        one.attempts += 1;
        if (one.attempts < MOST_ATTEMPTS) this.#pending.push(one);
        else this.#settle(one, () => one.reject(new LeaseTakenError(lease, null)));
      }
    }
  }

  #wanted(lease: Lease): WantedLease {
    const there = this.written.at(lease.address);
    const other = this.#otherOf(lease);
    return {
      lease,
      known:
        there !== null && isQuarantine(there) ? (this.#versions.get(lease.address) ?? null) : null,
      own: other === null ? null : (this.#versions.get(other.address) ?? null),
    };
  }

  #settle({ lease }: Pending, tell: () => void): void {
    const left = (this.#unsettled.get(lease.address) ?? 1) - 1;
    if (left === 0) this.#unsettled.delete(lease.address);
    else this.#unsettled.set(lease.address, left);
    tell();
  }
}
