/** Something that has bytes to send and a client that takes some. */
export interface Sender {
  /** Sends at most about `share` bytes; returns how many. */
  send(share: number): number;
}

/** What is sent in one turn of the event loop, a few milliseconds' work: DHCP and TFTP come between. */
const turnBytes = 8 * 1024 * 1024;
const leastShare = 256 * 1024;
const largestShare = 2 * 1024 * 1024;

/**
 * Downloads take turns, each with the same share: one with a fast client does not make others wait, and
 * all together do not keep the event loop.
 */
export class Turns {
  #waiting: Sender[] = [];
  #scheduled = false;
  /** Downloads under way, also those whose client takes nothing now. */
  #senders = 0;
  readonly #run = (): void => {
    this.#scheduled = false;
    const fair = Math.floor(turnBytes / this.#senders);
    const share = Math.max(leastShare, Math.min(largestShare, fair));
    const turns = this.#waiting;
    let left = turnBytes;
    let count = 0;
    while (left > 0 && count < turns.length) {
      left -= turns[count]?.send(share) ?? 0;
      count += 1;
    }
    // Whoever has its turn after this one waits at the end of the row.
    this.#waiting = count === turns.length ? [] : turns.slice(count);
    if (this.#waiting.length > 0) this.#schedule();
  };

  join(): void {
    this.#senders += 1;
  }

  leave(): void {
    this.#senders -= 1;
  }

  /** Asks for one turn. */
  ask(sender: Sender): void {
    this.#waiting.push(sender);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
