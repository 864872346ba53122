/** A client that never acknowledged anything may be a forged address: repeat little. 1+2+4+8+8+8 s. */
const MAX_RETRIES_UNPROVEN = 5;
/** To a client that did, this often at least, however long the waits. */
const MIN_RETRIES = 5;
/** And for this long after its last word: longer than EDK2 and iPXE wait before they repeat an ACK. */
const MAX_SILENCE_MS = 20_000;
/** Who speaks, but acknowledges nothing new for this long, will never get on. */
const MAX_STANDSTILL_MS = 120_000;
/** Who repeats itself more often than this without getting on is left to our own timer. */
const MAX_REPETITIONS = 20;

/** How long a client is waited for. */
export class GiveUpPolicy {
  #answered = false;
  #retries = 0;
  #repetitions = 0;
  #heardAt = 0;
  #advancedAt = 0;

  /** The client acknowledged something: it is really fetching, and its address is not forged. */
  get answered(): boolean {
    return this.#answered;
  }

  /** How often we repeated ourselves since it last acknowledged anything new. */
  get retries(): number {
    return this.#retries;
  }

  /** When the client acknowledged anything, old or new. */
  get heardAt(): number {
    return this.#heardAt;
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
    this.#repetitions = 0;
    this.#heardAt = now;
    this.#advancedAt = now;
  }

  /** It repeats itself, and once more is not too often to answer. */
  mayRepeat(): boolean {
    this.#repetitions += 1;
    return this.#repetitions <= MAX_REPETITIONS;
  }

  /** Why there is no point in another try, or null. */
  reason(now: number): string | null {
    const silent = "the client stopped answering";
    if (!this.#answered) return this.#retries >= MAX_RETRIES_UNPROVEN ? silent : null;
    if (this.#retries < MIN_RETRIES) return null;
    if (now - this.#heardAt >= MAX_SILENCE_MS) return silent;
    const stands = now - this.#advancedAt >= MAX_STANDSTILL_MS;
    return stands ? "the client repeats the same acknowledgement and does not get on" : null;
  }
}
