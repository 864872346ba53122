import {
  heldLeaseObject,
  holderOf,
  type LeaseObject,
  newLeaseObject,
  signOfLife,
} from "./lease-object.ts";

/*
 * Who leads, by a Lease object and this host's monotonic clock alone: a clock that is set does no harm, and two hosts
 * need not have the same time.
 *
 *   write sent   |---- the holder acts: 2/3 of the lease ----|
 *   others see it        |------- they wait: the whole lease -------| one of them takes over
 */

/** So much of its lease the holder acts after the last write that succeeded. */
const ACTS_FOR = 2 / 3;
/** Nobody can lock everybody out for long by what is written into the object. */
const LONGEST_LEASE_SECONDS = 300;

export interface ElectionTerms {
  /** The object's name. */
  readonly name: string;
  /** Another one for each run of the program. */
  readonly identity: string;
  readonly leaseSeconds: number;
}

/** What to write now: who is to hold the object, and whether it is created. */
export interface Write {
  readonly method: "POST" | "PUT";
  readonly object: object;
}

/** What was read last, and since when it has been the same. */
interface Observed {
  readonly sign: string;
  readonly sinceMs: number;
  readonly holder: string;
  readonly leaseMs: number;
}

/** One replica's view. Pure: all times are monotonic milliseconds that the caller hands in. */
export class Election {
  readonly #terms: ElectionTerms;
  #observed: Observed | null = null;
  /** Until then nobody else takes over; null: another one may lead. */
  #actsUntilMs: number | null = null;

  constructor(terms: ElectionTerms) {
    this.#terms = terms;
  }

  /** Whether this replica may act as the leader. */
  isLeading(nowMs: number): boolean {
    return this.#actsUntilMs !== null && nowMs < this.#actsUntilMs;
  }

  /** Until when it may without another write; null: it may not. */
  get actsUntilMs(): number | null {
    return this.#actsUntilMs;
  }

  /** Who holds the object, as far as is known; null: nobody, or its sign of life is overdue. */
  holder(nowMs: number): string | null {
    const seen = this.#observed;
    if (seen === null || seen.holder === "" || nowMs - seen.sinceMs >= seen.leaseMs) return null;
    return seen.holder;
  }

  /**
   * What to write, now that the object was read (null: there is none); null: to wait. One that is missing may have
   * been deleted while another replica leads, so it is waited for as for one that goes silent.
   */
  next(
    read: LeaseObject | null,
    nowMs: number,
    { journal, wallMs }: { readonly journal: string | null; readonly wallMs: number },
  ): Write | null {
    this.#observe(read, nowMs);
    const { identity, leaseSeconds, name } = this.#terms;
    const isOurs = read !== null && holderOf(read) === identity;
    if (!isOurs && read !== null && this.#actsUntilMs !== null) this.#actsUntilMs = null;
    if (!isOurs && !this.isLeading(nowMs) && !this.#isFree(nowMs)) return null;
    const holding = { identity, leaseSeconds, journal, wallMs };
    return read === null
      ? { method: "POST", object: newLeaseObject(name, holding) }
      : { method: "PUT", object: heldLeaseObject(read, holding) };
  }

  /** A write of `next` succeeded that was sent at this time. */
  written(sentAtMs: number): void {
    this.#actsUntilMs = sentAtMs + this.#terms.leaseSeconds * 1000 * ACTS_FOR;
  }

  /** It no longer leads, whatever the object says. */
  giveUp(): void {
    this.#actsUntilMs = null;
  }

  #observe(read: LeaseObject | null, nowMs: number): void {
    const sign = read === null ? "" : signOfLife(read);
    if (this.#observed?.sign === sign) return;
    const own = this.#terms.leaseSeconds;
    const theirs = read?.spec?.leaseDurationSeconds ?? own;
    const seconds = Math.max(own, Math.min(theirs, LONGEST_LEASE_SECONDS));
    const holder = read === null ? "" : holderOf(read);
    this.#observed = { sign, sinceMs: nowMs, holder, leaseMs: seconds * 1000 };
  }

  /** Whether it was given up, or nothing came of its holder for as long as the lease is. */
  #isFree(nowMs: number): boolean {
    const seen = this.#observed;
    if (seen === null) return false;
    const isGivenUp = seen.sign !== "" && seen.holder === "";
    return isGivenUp || nowMs - seen.sinceMs >= seen.leaseMs;
  }
}
