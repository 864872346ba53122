/**
 * Every path is assumed to hold this many packets at once. RFC 6928 lets TCP begin with ten; and where packets
 * are lost at random, smaller flights would only mean more round trips.
 */
const MIN_BLOCKS = 8;

/**
 * Two flights were cut at the same place when the difference is at most this part of a flight: how much leaves
 * the queue while a flight comes in varies.
 */
const SAME_PART = 8;

/**
 * The congestion window: how many blocks may be under way at once. It is the negotiated window until a timeout
 * shows that the end of a flight was lost although its beginning arrived, as where a queue on the path is
 * shorter than the window. Such a path gets at once only what it let through, and the rest of the
 * window after the ACK, which a copy of the last block calls for. Any other loss is not caused by a short queue
 * and doubles the limit; but where that led back to the same place, as only a queue does, twice as many losses
 * have to come before more is tried again.
 */
export class CongestionWindow {
  readonly #windowsize: number;
  #blocks: number;
  /** How many blocks arrived of a flight whose end was lost to a queue. */
  #through = 0;
  /** Random losses since then, and how many have to come before more is sent at once. */
  #losses = 0;
  #lossesToGrow = 1;

  constructor(windowsize: number) {
    this.#windowsize = windowsize;
    this.#blocks = windowsize;
  }

  get blocks(): number {
    return this.#blocks;
  }

  /**
   * After so many timeouts in a row. After the second there are more: a client that has all of it, but
   * answers a copy only once, has to get something new.
   */
  blocksAfter(silences: number): number {
    return this.#blocks * Math.max(1, silences);
  }

  /** It is smaller than the negotiated window. */
  get narrow(): boolean {
    return this.#blocks < this.#windowsize;
  }

  /** The negotiated window fits into any queue, so ACKs do not have to wait behind our own copies. */
  get small(): boolean {
    return this.#windowsize <= MIN_BLOCKS;
  }

  /**
   * Of a flight that timed out, `through` blocks arrived, and all behind them are missing. True if less is sent
   * from now on. A few blocks missing at the end may be random loss; a quarter is not.
   */
  tailLost(through: number, missing: number): boolean {
    // One less, for the copy that calls for the ACK.
    const blocks = Math.max(MIN_BLOCKS, through - 1);
    if (missing * 4 <= missing + through || blocks >= this.#blocks) return false;
    const same = Math.abs(through - this.#through) * SAME_PART <= this.#through;
    if (same) this.#lossesToGrow *= 2;
    else if (through > this.#through) this.#lossesToGrow = 1;
    // Where less than that arrived, the flight had random losses too.
    if (same || through > this.#through) this.#through = through;
    this.#losses = 0;
    this.#blocks = blocks;
    return true;
  }

  /** A loss that does not look like a queue that is too short. */
  randomLoss(): void {
    this.#losses += 1;
    const known = Math.max(MIN_BLOCKS, this.#through - 1);
    if (this.#blocks < known) this.#blocks = Math.min(this.#blocks * 2, known);
    else if (this.#losses >= this.#lossesToGrow) {
      this.#blocks = Math.min(this.#blocks * 2, this.#windowsize);
      this.#losses = 0;
    }
  }
}
