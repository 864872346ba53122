import type { Clock } from "../../lib/clock.ts";

/**
 * A timer with one deadline. It is set again at almost every packet, so the timer of the event loop below it
 * keeps running as long as it is early enough.
 */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #due: () => void;
  #atMs: number | null = null;
  #timer: { readonly handle: NodeJS.Timeout; readonly atMs: number } | null = null;

  /** Calls `due` once for each deadline that was set and is reached. */
  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Fires at this time, on the clock's scale, instead of any set before; null: not at all. */
  set(atMs: number | null): void {
    this.#atMs = atMs;
    if (atMs !== null && this.#timer !== null && this.#timer.atMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    this.#timer = null;
    if (atMs === null) return;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#clock.now()));
    this.#timer = { atMs, handle: setTimeout(() => this.#expired(), delayMs) };
  }

  /**
   * The event loop runs timers before it reads sockets. A busy server would take for lost what is waiting in
   * its socket, and send it all again; so the sockets are read first.
   */
  #expired(): void {
    this.#timer = null;
    setImmediate(() => this.#fire());
  }

  #fire(): void {
    const atMs = this.#atMs;
    // Set again meanwhile: then there is another timer.
    if (atMs === null || this.#timer !== null) return;
    if (this.#clock.now() < atMs) {
      this.set(atMs);
      return;
    }
    this.#atMs = null;
    this.#due();
  }
}
