/** For an answer that takes longer, a core is not kept awake. */
const LIMIT_MS = 0.1;
/** After this time everything else has its turn of the event loop; what has a descriptor is looked for more often. */
const TURN_MS = 1;
const LOOK_MS = 0.2;
/** With more at once, a turn of the event loop serves several of them, and costs each of them little. */
const MOST_SOCKETS = 4;
/** Waits after which it is decided whether to go on. */
const BATCH = 32;
/**
 * When the core comes back this late, it was another program's, or the host's of a virtual machine, or memory was tidied up, which
 * happens now and then: so often in so many waits.
 */
const HELD_UP_MS = 1;
const NOW_AND_THEN = 4;
const WAITS_TO_COUNT = 512;
/** Datagrams that are not waited after when a batch gained nothing; twice as many each further time, until it goes well for long. */
const FIRST_PAUSE = 512;
const LONGEST_PAUSE = 16_384;
const GOES_WELL = 1024;

/** What a socket had: a datagram that was answered at once, one that was not (or an error), or nothing. */
export type Heard = "answered" | "unanswered" | "nothing";

export interface AnswerWaitParts {
  /** Milliseconds, with fractions, that only go forward. */
  readonly now: () => number;
  /** Lets another program that is ready have this core; returns at once where there is none. */
  readonly yieldCore: () => void;
  /** Whether a descriptor of the event loop, these sockets' among them, has something to read. */
  readonly hasEvents: () => boolean;
  /** Calls back in the next turn of the event loop, which does not sleep before that. */
  readonly nextTurn: (call: () => void) => void;
}

/**
 * Waits a moment for what peers that were answered just now send next, as in lock-step over a fast link, and answers that at
 * once. A turn of the event loop takes as long as all the work for a block; and a core that fell asleep takes tens of
 * microseconds to wake, on a virtual machine more than that. A peer on this core gets the core meanwhile, and need not wake
 * us either; where another program keeps it, it is not yielded. It adapts itself, as KVM's halt polling (`halt_poll_ns`)
 * does: where answers take longer than the wait, it pauses longer and longer. It ends as soon as anything else is to be done.
 */
export class AnswerWait {
  readonly #parts: AnswerWaitParts;
  /** Each takes one datagram of a socket, and answers it. */
  #sockets: (() => Heard)[] = [];
  #isScheduled = false;
  /** When to look whether anything else is to be done. */
  #lookAtMs = 0;
  /** Whether the core is yielded meanwhile. */
  #yields = true;
  #toSkip = 0;
  #pause = FIRST_PAUSE;
  /** Of the present batch. */
  #waits = 0;
  #inTime = 0;
  /** How often the core came back late, in the waits that are counted now. */
  #heldUp = 0;
  #counted = 0;
  #sinceFailure = 0;

  constructor(parts: AnswerWaitParts) {
    this.#parts = parts;
  }

  /** What came to a socket in this turn of the event loop was handled; `take` takes one datagram more. */
  handled(take: () => Heard): void {
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return;
    }
    if (this.#sockets.length <= MOST_SOCKETS && !this.#sockets.includes(take)) {
      this.#sockets.push(take);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    const sockets = this.#sockets;
    this.#sockets = [];
    this.#isScheduled = false;
    if (sockets.length > MOST_SOCKETS) return;
    let sinceMs = this.#parts.now();
    const endMs = sinceMs + TURN_MS;
    this.#lookAtMs = sinceMs;
    while (sinceMs < endMs) {
      const answeredMs = this.#waitFor(sockets, sinceMs);
      if (answeredMs === null || !this.#goesOnAfter(answeredMs - sinceMs)) return;
      sinceMs = answeredMs;
    }
    for (const take of sockets) this.handled(take);
  };

  /** When the next datagram was answered; null: none came in time, or something else is to be done. */
  #waitFor(sockets: readonly (() => Heard)[], sinceMs: number): number | null {
    const { now, hasEvents } = this.#parts;
    let heard = takeOfEach(sockets);
    if (heard === "nothing") {
      if (sinceMs >= this.#lookAtMs) {
        if (hasEvents()) return null;
        this.#lookAtMs = sinceMs + LOOK_MS;
      }
      if (this.#yields) this.#parts.yieldCore();
      heard = takeOfEach(sockets);
    }
    let nowMs = now();
    while (heard === "nothing") {
      if (nowMs - sinceMs >= LIMIT_MS) {
        this.#goesOnAfter(nowMs - sinceMs);
        return null;
      }
      if (this.#yields) this.#parts.yieldCore();
      if (hasEvents()) {
        heard = takeOfEach(sockets);
        if (heard === "nothing") return null;
      }
      nowMs = now();
    }
    return heard === "answered" ? nowMs : null;
  }

  /** Counts a wait of this time; false where waiting gains nothing for now. */
  #goesOnAfter(waitedMs: number): boolean {
    this.#waits += 1;
    this.#sinceFailure += 1;
    if (waitedMs < LIMIT_MS) this.#inTime += 1;
    if (this.#isOftenHeldUp(waitedMs)) return this.#goesOnHeldUp();
    if (this.#waits < BATCH) return true;
    const wasWorthIt = this.#inTime >= BATCH / 2;
    this.#waits = 0;
    this.#inTime = 0;
    if (wasWorthIt) {
      if (this.#sinceFailure >= GOES_WELL) this.#pause = FIRST_PAUSE;
      return true;
    }
    this.#sinceFailure = 0;
    this.#yields = true;
    this.#toSkip = this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    return false;
  }

  #isOftenHeldUp(waitedMs: number): boolean {
    this.#counted += 1;
    if (waitedMs >= HELD_UP_MS) this.#heldUp += 1;
    const isOften = this.#heldUp >= NOW_AND_THEN;
    if (isOften || this.#counted === WAITS_TO_COUNT) [this.#heldUp, this.#counted] = [0, 0];
    return isOften;
  }

  /** Another program keeps the core when it has it: it is not yielded; and where that does not help, nothing is waited for. */
  #goesOnHeldUp(): boolean {
    this.#waits = 0;
    this.#inTime = 0;
    this.#sinceFailure = 0;
    this.#yields = !this.#yields;
    // It passes, unlike a slow link.
    if (this.#yields) this.#toSkip = FIRST_PAUSE;
    return !this.#yields;
  }
}

/** Takes one datagram of each that has one. */
function takeOfEach(sockets: readonly (() => Heard)[]): Heard {
  let all: Heard = "nothing";
  for (const take of sockets) {
    const heard = take();
    if (heard === "unanswered" || all === "nothing") all = heard;
  }
  return all;
}
