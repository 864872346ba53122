import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { openJournal, readLeases } from "../../src/dhcp/leases/journal.ts";
import type { LeaseStore } from "../../src/dhcp/leases/lease-store.ts";
import { type Lease, LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { SteadyClock } from "../../src/lib/clock.ts";
import type { DecodeError } from "../../src/lib/errors.ts";

const HOUR_MS = 3_600_000;

/** A journal of a host whose clock is set now and then. */
export class JournalSite {
  readonly dataDir: string;
  readonly compactAboveBytes: number;
  trueMs = 0;
  #aheadMs = 1_750_000_000_000;
  clock: SteadyClock;
  journal: LeaseStore | null = null;
  /** All that was appended, with times by `trueMs`. */
  readonly appended: Lease[] = [];
  /** So many of them are said to be on the disk. */
  acknowledged = 0;
  /** Lines of any file that was read that are not what was written. */
  readonly damaged: DecodeError[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(dataDir: string, compactAboveBytes = 2000) {
    this.compactAboveBytes = compactAboveBytes;
    this.dataDir = dataDir;
    this.clock = this.#startClock();
  }

  #startClock(): SteadyClock {
    const system = { now: () => this.trueMs, wall: () => this.trueMs + this.#aheadMs };
    return new SteadyClock(system, { bootId: "one", upMs: () => this.trueMs });
  }

  /** Resolves with what came of the file. */
  async open(): Promise<readonly Lease[]> {
    this.clock = this.#startClock();
    const { dataDir, clock, compactAboveBytes } = this;
    const leases = new LeaseTable();
    const opened = await openJournal({ dataDir, leases, clock, compactAboveBytes });
    this.journal = opened.journal;
    this.damaged.push(...opened.replay.damaged);
    return this.#inTrueTime(leases, clock);
  }

  async reopened(): Promise<readonly Lease[]> {
    await this.journal?.close();
    return this.open();
  }

  append(machine: number, address = machine, state: Lease["state"] = "bound"): Promise<void> {
    const lease: Lease = {
      mac: `52:54:00:00:00:0${machine}`,
      address: `10.0.0.${address}`,
      network: "10.0.0.0/24",
      state,
      startedAtMs: this.trueMs,
      expiresAtMs: this.trueMs + HOUR_MS + this.appended.length,
      hostname: null,
      clientId: null,
    };
    this.appended.push(lease);
    const aheadMs = this.clock.wall() - this.trueMs;
    const { startedAtMs, expiresAtMs } = lease;
    const times = { startedAtMs: startedAtMs + aheadMs, expiresAtMs: expiresAtMs + aheadMs };
    const written = this.#write({ ...lease, ...times });
    this.#last = Promise.all([this.#last, written]);
    return written;
  }

  async #write(lease: Lease): Promise<void> {
    await this.journal?.append(lease);
    this.acknowledged += 1;
  }

  /** Rejects when one that was appended could not be written. */
  settled(): Promise<unknown> {
    return this.#last;
  }

  setClock(byMs: number): Promise<void> {
    this.#aheadMs += byMs;
    this.clock.followStep();
    return this.journal?.noteClock() ?? Promise.resolve();
  }

  file(): Uint8Array {
    return readFileSync(join(this.dataDir, "leases.journal"));
  }

  /** What a start would make of a file. */
  leasesIn(bytes: Uint8Array): readonly Lease[] {
    const clock = this.#startClock();
    const table = new LeaseTable();
    const { leases, damaged } = readLeases(bytes, clock);
    this.damaged.push(...damaged);
    for (const lease of leases) table.restore(lease);
    return this.#inTrueTime(table, clock);
  }

  /** The leases after so many were appended. */
  after(count: number): readonly Lease[] {
    const table = new LeaseTable();
    for (const lease of this.appended.slice(0, count)) table.restore(lease);
    return sorted(table.all());
  }

  /** Whether a file has all that was acknowledged until now, and nothing but what was appended. */
  hasPromised(bytes: Uint8Array): boolean {
    const leases = this.leasesIn(bytes);
    for (let count = this.acknowledged; count <= this.appended.length; count++) {
      if (isDeepStrictEqual(this.after(count), leases)) return true;
    }
    return false;
  }

  /** Appends, one after the other, until something has happened. */
  async appendUntil(happened: () => boolean): Promise<void> {
    for (let n = 0; !happened(); n++) {
      if (n === 500) throw new Error("it does not happen");
      await this.append(n % 4);
    }
  }

  #inTrueTime(table: LeaseTable, clock: SteadyClock): readonly Lease[] {
    const aheadMs = clock.wall() - this.trueMs;
    return sorted(table.all()).map((lease) => ({
      ...lease,
      startedAtMs: lease.startedAtMs - aheadMs,
      expiresAtMs: lease.expiresAtMs - aheadMs,
    }));
  }
}

function sorted(leases: readonly Lease[]): readonly Lease[] {
  return leases.toSorted((a, b) => (a.address < b.address ? -1 : 1));
}
