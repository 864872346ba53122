/** Until a round trip was measured. RFC 6298 2.1 starts at 1 s too. */
const INITIAL_MS = 1000;
/** Below this the pauses of an idle server or a busy firmware would look like loss. */
const MIN_MS = 100;
const MAX_MS = 8000;
/** Firmware answers unevenly, so be this many round trips patient. */
const ROUND_TRIPS = 4;
/** Weight of the newest round trip in the average, as in RFC 6298 2.3. */
const NEWEST_WEIGHT = 1 / 8;

/** How long to wait for an answer before something is sent again, in milliseconds. */
export class RetransmissionTimeout {
  readonly #chosenMs: number | null;
  #roundTripMs: number | null = null;
  #ms: number;

  /** `chosenSeconds`: the interval that the client set (RFC 2349), which is kept as it is; or null. */
  constructor(chosenSeconds: number | null) {
    this.#chosenMs = chosenSeconds === null ? null : chosenSeconds * 1000;
    this.#ms = this.usualMs;
  }

  /** The wait that is in force now. */
  get ms(): number {
    return this.#ms;
  }

  /** The wait when nothing is lost. */
  get usualMs(): number {
    if (this.#chosenMs !== null) return this.#chosenMs;
    if (this.#roundTripMs === null) return INITIAL_MS;
    return Math.max(MIN_MS, Math.min(this.#roundTripMs * ROUND_TRIPS, MAX_MS));
  }

  /** Nothing came in time. */
  backOff(): void {
    if (this.#chosenMs === null) this.#ms = Math.min(this.#ms * 2, MAX_MS);
  }

  /** The client is known to wait for us. */
  reset(): void {
    this.#ms = this.usualMs;
  }

  /** An answer came this long after its question, which was sent only once (Karn's rule). */
  measured(roundTripMs: number): void {
    const former = this.#roundTripMs ?? roundTripMs;
    this.#roundTripMs = former + (roundTripMs - former) * NEWEST_WEIGHT;
    this.reset();
  }

  /**
   * An answer came to what was sent more than once, so nothing is measured. Halve the patience that
   * losses have cost: to forget it at once would be wrong if the link became slower, to keep it would
   * be slow where losses are many.
   */
  recovered(): void {
    this.#ms = Math.max(this.#ms / 2, this.usualMs);
  }
}
