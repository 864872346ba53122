import type { Lease, Leases } from "./lease-table.ts";

/**
 * Where leases are kept. An acknowledgement waits until the store has its lease (RFC 2131 3.1). There are two: the journal
 * in the data folder (`journal.ts`), and a database that several servers share (`daemon/database`).
 */
export interface LeaseStore {
  /**
   * Resolves once the lease is kept and survives a power failure. Leases that are appended at the same time share one
   * write. Rejects when it could not be written (a full disk, a database that is away), where a later append tries
   * again; and with `LeaseTakenError` when another server of the store was faster: `written` says what holds then.
   */
  append(lease: Lease): Promise<void>;
  /** The leases as they are kept, as far as is known here. */
  readonly written: Leases;
  /** Where it is, for people; default: `dataDir`. */
  readonly place?: string;
  /** Notes what the system's clock shows, after it was set, so that the times that are kept keep their meaning. Never rejects. */
  noteClock(): Promise<void>;
  /** Whether a lease could be written now, as far as is known; at once where it is. No address is offered while none can. */
  isWritable(): boolean | Promise<boolean>;
  /**
   * Whether machines may have leases by other servers of the store that are not known here: then none is refused its
   * own. Default: nobody else writes to it.
   */
  mayLackLeases?(): boolean;
  /** Writes what is under way, then closes it. */
  close(): Promise<void>;
}

/** The address, or the machine, has another lease by now, which another server of the store granted. Nothing was written. */
export class LeaseTakenError extends Error {
  readonly code = "EIM_PXE_LEASE_TAKEN";

  constructor(lease: Lease, holder: Lease | null) {
    super(
      holder === null
        ? `${lease.address} was given to another machine by another server`
        : `another server gave ${holder.address} to ${holder.mac}`,
    );
    this.name = "LeaseTakenError";
  }
}
