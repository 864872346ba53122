import type { Clock } from "../../lib/clock.ts";

/** How long what waits is given to the parser before the sockets get their turn. */
const SLICE_MS = 1;

/** A connection whose client sent more than was parsed yet. */
export interface Parsed {
  /** Gives the parser one more piece, such as a request; asks again where there are more. */
  takeTurn(): void;
}

/**
 * What clients sent ahead is parsed between the turns of the event loop, one piece of each connection after the other. A
 * client may have sent thousands of requests, or empty lines, in what one read brings; parsed at once, and the same of
 * hundreds of connections, these would keep DHCP and TFTP waiting for seconds.
 */
export class ParserTurns {
  readonly #clock: Pick<Clock, "now">;
  /** In the order of the turns; who asks during its own comes behind all others. */
  readonly #waiting = new Set<Parsed>();
  #isScheduled = false;

  constructor(clock: Pick<Clock, "now"> = performance) {
    this.#clock = clock;
  }

  ask(connection: Parsed): void {
    this.#waiting.add(connection);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const endMs = this.#clock.now() + SLICE_MS;
    for (const connection of this.#waiting) {
      this.#waiting.delete(connection);
      connection.takeTurn();
      if (this.#clock.now() >= endMs) break;
    }
    this.#isScheduled = this.#waiting.size > 0;
    if (this.#isScheduled) setImmediate(this.#turn);
  };
}
