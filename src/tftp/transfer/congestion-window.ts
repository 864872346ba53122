/**
 * What every path is taken to hold at once. RFC 6928 lets TCP begin with ten packets; and where chance
 * loses some, still smaller parts would only mean more answers to wait for.
 */
const LEAST_BLOCKS = 8;

/**
 * Ends no more than this part of a flight apart are at the same place. What leaves the queue while a
 * flight comes in is not always the same.
 */
const SAME_PART = 8;

/**
 * How many blocks may be under way at once. It is a window, until a silence shows that the end of one was
 * lost although its beginning came through, as where a queue on the way is shorter than the window. Such
 * a path gets no more at once than it let through, and the rest of the window after the answer, which a
 * copy of the last block calls for. Any other loss is none of a short queue and doubles the limit; but
 * where that led back to the same place, as only a queue does, twice as many losses must come before more
 * is tried again.
 */
export class CongestionWindow {
  readonly #windowsize: number;
  #blocks: number;
  /** How much came through of a flight whose end was lost to a queue. */
  #through = 0;
  /** Losses by chance since then, and how many must come before more is sent at once. */
  #losses = 0;
  #caution = 1;

  constructor(windowsize: number) {
    this.#windowsize = windowsize;
    this.#blocks = windowsize;
  }

  get blocks(): number {
    return this.#blocks;
  }

  /**
   * After so many silences in a row. With the second there are more, for a client that has it all, but
   * answers a copy only once, has to see something new.
   */
  blocksAfter(silences: number): number {
    return this.#blocks * Math.max(1, silences);
  }

  /** Less than a window. */
  get narrow(): boolean {
    return this.#blocks < this.#windowsize;
  }

  /** A window is taken to fit into any queue, so answers do not have to wait for our own copies. */
  get small(): boolean {
    return this.#windowsize <= LEAST_BLOCKS;
  }

  /**
   * Of a flight that nothing was heard of, `through` blocks came through, and all behind them are missing.
   * True if less is sent from now on. Some blocks missing at the end may be chance; a quarter is not.
   */
  tailLost(through: number, missing: number): boolean {
    // One less, for the copy that asks for an answer.
    const blocks = Math.max(LEAST_BLOCKS, through - 1);
    if (missing * 4 <= missing + through || blocks >= this.#blocks) return false;
    const same = Math.abs(through - this.#through) * SAME_PART <= this.#through;
    if (same) this.#caution *= 2;
    else if (through > this.#through) this.#caution = 1;
    // Where less than that came through, chance has hit the flight too.
    if (same || through > this.#through) this.#through = through;
    this.#losses = 0;
    this.#blocks = blocks;
    return true;
  }

  /** Something was lost that does not look like a queue that is too short. */
  randomLoss(): void {
    this.#losses += 1;
    const known = Math.max(LEAST_BLOCKS, this.#through - 1);
    if (this.#blocks < known) this.#blocks = Math.min(this.#blocks * 2, known);
    else if (this.#losses >= this.#caution) {
      this.#blocks = Math.min(this.#blocks * 2, this.#windowsize);
      this.#losses = 0;
    }
  }
}
