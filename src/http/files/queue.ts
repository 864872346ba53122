import type { Clock } from "../../lib/clock.ts";

/** One request for a download that may have to wait. */
export interface Caller {
  /** Its download may begin, at once or later; `waitedMs` since this request. */
  admitted(place: Place, waitedMs: number): void;
  /** So many machines are before it in the line; said at the beginning and every few seconds. */
  waits(ahead: number): void;
  /** It waited long enough for one request: it has to ask again after so many seconds, and keeps its place in the line. */
  asksAgain(seconds: number): void;
  /** It did not ask again, and has left the line. */
  left(): void;
}

/** What a download holds while it is under way. */
export interface Place {
  /** The client took some more of it. */
  moved(): void;
  /** To be called once. `wasLast`: the machine needs nothing more, the next one may begin at once. */
  end(wasLast: boolean): void;
}

export interface QueueOptions {
  /** Machines that download at the same time. */
  readonly places: number;
  readonly clock: Pick<Clock, "now">;
}

interface Admitted {
  downloads: number;
  /** When it took something, or ended a download. */
  movedAtMs: number;
}

interface Waiting {
  /** Its requests, each with when it came. */
  readonly callers: Map<Caller, number>;
  /** Until then its place in the line is kept without a request. */
  keptUntilMs: number;
  toldAtMs: number;
  /** Of its requests, the one that it has to repeat. */
  answered: Caller | null;
}

/**
 * A request is held so long. A machine that was switched off says no good-bye: one that does not ask again
 * leaves the line.
 */
const holdMs = 20_000;
/** iPXE waits so long after a 503 and asks again by itself. */
const askAgainSeconds = 3;
const keepInLineMs = 20_000;
/** A machine fetches one file after the other, or a file in parts. */
const keepPlaceMs = 3_000;
/** Who takes nothing for so long goes on beside the others, and its place is given to the next. */
const stalledMs = 30_000;
const tellEveryMs = 5_000;
const lookEveryMs = 500;

/**
 * Lets at most so many machines download at the same time, first come first served. A machine is an
 * address; what it asks for while it has a place begins at once.
 */
export class DownloadQueue {
  readonly #places: number;
  readonly #clock: Pick<Clock, "now">;
  readonly #admitted = new Map<string, Admitted>();
  /** First come, first. */
  readonly #line = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | null = null;

  constructor({ places, clock }: QueueOptions) {
    this.#places = places;
    this.#clock = clock;
  }

  /** Machines in the line. */
  get waiting(): number {
    return this.#line.size;
  }

  /** The returned function takes the request back: its connection has ended. */
  enter(client: string, caller: Caller): () => void {
    const nowMs = this.#clock.now();
    const own = this.#admitted.get(client);
    if (own !== undefined && (own.downloads > 0 || nowMs - own.movedAtMs < keepPlaceMs)) {
      caller.admitted(this.#begin(own, client), 0);
      return () => {};
    }
    const waiting = this.#line.get(client) ?? {
      callers: new Map<Caller, number>(),
      keptUntilMs: nowMs,
      toldAtMs: nowMs,
      answered: null,
    };
    waiting.callers.set(caller, nowMs);
    this.#line.set(client, waiting);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs);
    this.#admitNext(nowMs);
    if (waiting.callers.has(caller)) caller.waits([...this.#line.keys()].indexOf(client));
    return () => {
      if (!waiting.callers.delete(caller)) return;
      if (waiting.callers.size === 0 && this.#line.get(client) === waiting) this.#leave(client);
    };
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#line.clear();
    this.#admitted.clear();
  }

  #begin(admitted: Admitted, client: string): Place {
    admitted.downloads += 1;
    admitted.movedAtMs = this.#clock.now();
    return {
      moved: () => {
        admitted.movedAtMs = this.#clock.now();
      },
      end: (wasLast) => {
        admitted.downloads -= 1;
        admitted.movedAtMs = this.#clock.now();
        if (!wasLast || admitted.downloads > 0) return;
        if (this.#admitted.get(client) === admitted) this.#admitted.delete(client);
        this.#admitNext(this.#clock.now());
      },
    };
  }

  /** Places that nobody has, or whose machine makes no use of them. */
  #free(nowMs: number): number {
    let taken = 0;
    for (const [client, { downloads, movedAtMs }] of this.#admitted) {
      const idleMs = nowMs - movedAtMs;
      if (downloads === 0 && idleMs >= keepPlaceMs) this.#admitted.delete(client);
      else if (downloads === 0 || idleMs < stalledMs) taken += 1;
    }
    return this.#places - taken;
  }

  #admitNext(nowMs: number): void {
    for (const [client, { callers }] of this.#line) {
      // One that was asked to come again has its place in the line, and no request.
      if (callers.size === 0) continue;
      if (this.#free(nowMs) <= 0) return;
      const admitted: Admitted = { downloads: 0, movedAtMs: nowMs };
      this.#admitted.set(client, admitted);
      this.#leave(client);
      const requests = [...callers];
      callers.clear();
      for (const [caller, sinceMs] of requests) {
        caller.admitted(this.#begin(admitted, client), nowMs - sinceMs);
      }
    }
  }

  #look(): void {
    const nowMs = this.#clock.now();
    this.#admitNext(nowMs);
    let ahead = 0;
    for (const [client, waiting] of this.#line) {
      const { callers } = waiting;
      const isToBeTold = nowMs - waiting.toldAtMs >= tellEveryMs;
      if (isToBeTold) waiting.toldAtMs = nowMs;
      for (const [caller, sinceMs] of callers) {
        if (isToBeTold) caller.waits(ahead);
        if (nowMs - sinceMs < holdMs) continue;
        callers.delete(caller);
        waiting.keptUntilMs = nowMs + keepInLineMs;
        waiting.answered = caller;
        caller.asksAgain(askAgainSeconds);
      }
      if (callers.size === 0 && nowMs >= waiting.keptUntilMs) {
        this.#leave(client);
        waiting.answered?.left();
      } else ahead += 1;
    }
  }

  #leave(client: string): void {
    this.#line.delete(client);
    if (this.#line.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
