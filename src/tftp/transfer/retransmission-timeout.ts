/** Until a round trip was measured. RFC 6298 2.1 starts at 1 s too. */
const INITIAL_MS = 1000;
/**
 * RFC 6298 2.4 wants a second here, for the sake of a shared Internet path. TFTP sends one window and
 * waits, so on a link of firmware each loss would cost that second; with less than this, pauses of busy firmware
 * would look like losses.
 */
const MIN_MS = 50;
const MAX_MS = 8000;
/** How finely our timers measure: G of RFC 6298 2. */
const GRANULARITY_MS = 1;
/** RFC 6298 2: K, alpha and beta. */
const DEVIATIONS = 4;
const AVERAGE_WEIGHT = 1 / 8;
const DEVIATION_WEIGHT = 1 / 4;

/**
 * How long to wait for an answer before something is sent again, in milliseconds (RFC 6298).
 *
 * RFC 2349 lets the client name this interval. Clients that do so (curl and the npm package, always)
 * name what suits the worst link, 5 s and more; taken as it is, each loss would cost that. So it is the
 * longest that we wait, and the measured round trip decides below it: to a client, what comes earlier
 * is what a network may do at any time.
 */
export class RetransmissionTimeout {
  readonly #maxMs: number;
  /** SRTT and RTTVAR of RFC 6298 2; null: nothing was measured yet. */
  #roundTrip: { readonly averageMs: number; readonly deviationMs: number } | null = null;
  #ms: number;
  /** A loss was inferred (`provesLoss`), and nothing was measured since. */
  #lossInferred = false;

  readonly #leastMs: () => number;

  /**
   * @param chosenSeconds the interval that the client set, or null
   * @param leastMs what the host wants to be waited at least now
   */
  constructor(chosenSeconds: number | null, leastMs: () => number = () => 0) {
    this.#leastMs = leastMs;
    this.#maxMs = chosenSeconds === null ? MAX_MS : Math.min(chosenSeconds * 1000, MAX_MS);
    this.#ms = this.usualMs;
  }

  /** The timeout now. */
  get ms(): number {
    return this.#ms;
  }

  /** The timeout while nothing is lost. */
  get usualMs(): number {
    if (this.#roundTrip === null) return INITIAL_MS;
    const { averageMs, deviationMs } = this.#roundTrip;
    const ms = averageMs + Math.max(GRANULARITY_MS, DEVIATIONS * deviationMs);
    return Math.max(MIN_MS, Math.min(Math.max(ms, this.#leastMs()), this.#maxMs));
  }

  /** The timeout expired. */
  backOff(): void {
    this.#ms = Math.min(this.#ms * 2, this.#maxMs);
  }

  /** An answer came this long after its question, which was sent only once (Karn's rule). */
  measured(roundTripMs: number): void {
    this.#roundTrip = this.#averagedWith(roundTripMs);
    this.#lossInferred = false;
    this.#ms = this.usualMs;
  }

  /**
   * An answer came to what was sent more than once, so nothing is measured. The backoff stays until
   * something is (RFC 6298 5.7): to forget it, on a link that takes longer than `usualMs`, would send
   * all twice for ever. But a link that loses a part of every window measures nothing either, so
   * where the answer proves a loss, it is halved, and no more is kept than an unknown link gets.
   */
  recovered(lossProven: boolean): void {
    const keptMs = Math.min(lossProven ? this.#ms / 2 : this.#ms, INITIAL_MS);
    this.#ms = Math.min(this.#ms, Math.max(keptMs, this.usualMs));
  }

  /**
   * An answer that comes as long after a copy as answers take shows that what was sent before was lost.
   * On a path that became slower the answer to an earlier copy may look the same, but then one does after
   * the other. So only one is believed until something is measured again.
   */
  provesLoss(afterCopyMs: number): boolean {
    if (this.#roundTrip === null || this.#lossInferred) return false;
    const { averageMs, deviationMs } = this.#roundTrip;
    const mostMs = averageMs + Math.max(GRANULARITY_MS, DEVIATIONS * deviationMs);
    this.#lossInferred = afterCopyMs >= averageMs / 2 && afterCopyMs <= mostMs;
    return this.#lossInferred;
  }

  /** RFC 6298 2.2 for the first measurement, 2.3 for all others: the deviation first, by the old average. */
  #averagedWith(roundTripMs: number) {
    if (this.#roundTrip === null) return { averageMs: roundTripMs, deviationMs: roundTripMs / 2 };
    const { averageMs, deviationMs } = this.#roundTrip;
    const off = Math.abs(averageMs - roundTripMs);
    return {
      averageMs: averageMs + (roundTripMs - averageMs) * AVERAGE_WEIGHT,
      deviationMs: deviationMs + (off - deviationMs) * DEVIATION_WEIGHT,
    };
  }
}
