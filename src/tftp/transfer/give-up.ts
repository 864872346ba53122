/** A client that never acknowledged anything may be a forged address, and others wait for its slot. */
const MAX_UNANSWERED_MS = 15_000;
/** To a client that did, at least so many repeats, however long the waits. */
const MIN_RETRIES = 5;
/** And for this long after its last packet: longer than EDK2 and iPXE wait before they repeat an ACK. */
const MAX_SILENCE_MS = 20_000;
/** A client that sends packets, but acknowledges nothing new for this long, will not make progress. */
const MAX_STALL_MS = 120_000;
/** A client that repeats an ACK more often than this without progress is left to our retransmission timer. */
const MAX_REPEATED_ACKS = 20;

/** When a transfer is given up. */
export class GiveUpPolicy {
  #answered = false;
  #beganAt: number | null = null;
  #retries = 0;
  #repeatedAcks = 0;
  #heardAt = 0;
  #progressedAt = 0;

  /** The client acknowledged something: it really downloads, and its address is not forged. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Timeouts since the client last acknowledged anything new. */
  get retries(): number {
    return this.#retries;
  }

  /** When the client acknowledged anything, old or new. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Something is sent, maybe for the first time. */
  sent(now: number): void {
    this.#beganAt ??= now;
  }

  retried(): void {
    this.#retries += 1;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  progressed(now: number): void {
    this.#answered = true;
    this.#retries = 0;
    this.#repeatedAcks = 0;
    this.#heardAt = now;
    this.#progressedAt = now;
  }

  /** The client repeated an ACK. Whether that is still to be answered. */
  answersRepeatedAck(): boolean {
    this.#repeatedAcks += 1;
    return this.#repeatedAcks <= MAX_REPEATED_ACKS;
  }

  /** Why another try is pointless, or null. */
  reason(now: number): string | null {
    const silent = "the client stopped answering";
    if (!this.#answered) {
      const waitedMs = now - (this.#beganAt ?? now);
      return waitedMs >= MAX_UNANSWERED_MS ? "the client never answered" : null;
    }
    if (this.#retries < MIN_RETRIES) return null;
    if (now - this.#heardAt >= MAX_SILENCE_MS) return silent;
    const stalled = now - this.#progressedAt >= MAX_STALL_MS;
    return stalled ? "the client repeats the same acknowledgement and makes no progress" : null;
  }
}
