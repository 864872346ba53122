import type { Clock } from "../../lib/clock.ts";

/** How long transfers are begun before the sockets get their turn. */
const SLICE_MS = 1;

/**
 * Begins transfers between the turns of the event loop. To begin one takes a hundred times as long as to
 * receive a request, and what is not received in time is lost when the socket's buffer is full. The newest
 * goes first: where requests come faster than transfers can begin, the oldest are those that lose their slot,
 * so that a new client is served at once however many forged requests are waiting.
 */
export class StartQueue {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  push(begin: () => void): void {
    this.#waiting.push(begin);
    if (this.#waiting.length === 1) setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const endMs = this.#clock.now() + SLICE_MS;
    do this.#waiting.pop()?.();
    while (this.#waiting.length > 0 && this.#clock.now() < endMs);
    if (this.#waiting.length > 0) setImmediate(this.#turn);
  };
}
