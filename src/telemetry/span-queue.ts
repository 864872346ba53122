import type { Span } from "./span.ts";

/** Spans that wait to be sent: some four hundred boots. */
export const MOST_SPANS = 8192;
/** Spans of one request. */
export const BATCH_SPANS = 512;

/** Spans that wait to be sent, in memory and bounded: where one more comes than there is room for, the oldest is dropped. */
export class SpanQueue {
  readonly #most: number;
  #waiting: Span[] = [];
  #dropped = 0;

  constructor(most = MOST_SPANS) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(span: Span): void {
    this.#waiting.push(span);
    // A quarter at once: the rest is moved then.
    if (this.#waiting.length > this.#most) this.#drop(Math.ceil(this.#most / 4));
  }

  /** The oldest, which stay until they are removed. */
  batch(): readonly Span[] {
    return this.#waiting.slice(0, BATCH_SPANS);
  }

  /** They were sent, or nobody will ever take them. Those that were dropped meanwhile are gone already. */
  remove(batch: readonly Span[]): void {
    const sent = new Set(batch);
    this.#waiting = this.#waiting.filter((span) => !sent.has(span));
  }

  /** How many were dropped since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  #drop(count: number): void {
    this.#waiting.splice(0, count);
    this.#dropped += count;
  }
}
