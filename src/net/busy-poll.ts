/** For an answer that takes longer, a core is not kept awake. */
const LIMIT_MS = 0.1;
/** Waits after which it is decided whether to go on. */
const BATCH = 32;
/** Datagrams that are not waited after when a batch gained nothing; twice as many after each further batch. */
const FIRST_PAUSE = 512;
const LONGEST_PAUSE = 16_384;

export interface BusyPollParts {
  /** Milliseconds, with fractions, that only go forward. */
  readonly now: () => number;
  /** Calls back in the next turn of the event loop, which then looks for what came, and does not sleep. */
  readonly nextTurn: (call: () => void) => void;
  /** How often the kernel took the core away from this process because another one needed it. */
  readonly preemptions: () => number;
}

/**
 * Keeps the event loop awake for a moment after a datagram whose answer may bring the next one at once,
 * as in lock-step over a fast link. A core that fell asleep takes tens of microseconds to wake, on a virtual
 * machine longer than all the work for a block; the kernel's own busy polling (`SO_BUSY_POLL`, KVM's
 * `halt_poll_ns`) exists for the same reason. As KVM's, it adapts itself: where answers take longer than
 * the wait, or the wait takes the core from the program that is to answer, it pauses longer and longer.
 */
export class BusyPoll {
  readonly #parts: BusyPollParts;
  #waiting = false;
  /** What is handled now came during the wait. */
  #turned = false;
  #untilMs = 0;
  #toSkip = 0;
  #pause = FIRST_PAUSE;
  /** Of the present batch. */
  #waits = 0;
  #answered = 0;
  #preemptionsBefore = 0;

  constructor(parts: BusyPollParts) {
    this.#parts = parts;
  }

  /** A datagram was handled, and what was sent for it may bring the next one. */
  datagramHandled(): void {
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return;
    }
    // Datagrams that come together are one wait, and none of them answers another.
    if (this.#waiting && !this.#turned) return;
    if (this.#waiting) this.#answered += 1;
    this.#turned = false;
    if (this.#waits === 0) this.#preemptionsBefore = this.#parts.preemptions();
    this.#waits += 1;
    if (this.#waits > BATCH && !this.#wasWorthIt()) return;
    this.#untilMs = this.#parts.now() + LIMIT_MS;
    if (this.#waiting) return;
    this.#waiting = true;
    this.#parts.nextTurn(this.#turn);
  }

  /** Whether the batch that ends here gained anything; the next one begins. */
  #wasWorthIt(): boolean {
    const preempted = this.#parts.preemptions() - this.#preemptionsBefore;
    const worthIt = this.#answered >= BATCH / 2 && preempted < BATCH / 4;
    this.#waits = 0;
    this.#answered = 0;
    if (worthIt) {
      this.#pause = FIRST_PAUSE;
    } else {
      this.#untilMs = 0;
      this.#toSkip = this.#pause;
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    }
    return worthIt;
  }

  readonly #turn = (): void => {
    this.#turned = true;
    if (this.#parts.now() < this.#untilMs) this.#parts.nextTurn(this.#turn);
    else this.#waiting = false;
  };
}

/** For the event loop of this process; one for all of its sockets. */
export function eventLoopPoll(preemptions: BusyPollParts["preemptions"]): BusyPoll {
  return new BusyPoll({ now: () => performance.now(), nextTurn: setImmediate, preemptions });
}
