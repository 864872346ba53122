import type { Clock } from "../lib/clock.ts";

/** One timer that is set anew at almost every packet: it is left running as long as it is early enough. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #atMs: number | null = null;
  #timer: { readonly handle: NodeJS.Timeout; readonly atMs: number } | null = null;

  /** Calls `ring` once for each time that was set and came. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this time, on the clock's scale, and at no other; null: not at all. */
  set(atMs: number | null): void {
    this.#atMs = atMs;
    if (atMs !== null && this.#timer !== null && this.#timer.atMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    this.#timer = null;
    if (atMs === null) return;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#clock.now()));
    this.#timer = { atMs, handle: setTimeout(() => this.#fired(), delayMs) };
  }

  #fired(): void {
    const atMs = this.#atMs;
    this.#timer = null;
    if (atMs === null) return;
    if (this.#clock.now() < atMs) {
      this.set(atMs);
      return;
    }
    this.#atMs = null;
    this.#ring();
  }
}
