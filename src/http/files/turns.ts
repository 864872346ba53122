import type { Clock } from "../../lib/clock.ts";
import { Allowance } from "./allowance.ts";

/** Something that has bytes to send to a client that takes some. */
export interface Sender {
  /** Those of one client share its turns. */
  readonly client: string;
  /** Sends at most about `share` bytes; returns how many it sends at once. */
  send(share: number): number;
}

export interface TurnsOptions {
  /** Of all senders together; null: no limit. */
  readonly maxBytesPerSecond: number | null;
  readonly clock: Pick<Clock, "now">;
}

/**
 * What is sent in one turn of the event loop, less than a millisecond's work: DHCP and TFTP come between, and a
 * transfer by TFTP needs a turn for each window.
 */
const turnBytes = 2 * 1024 * 1024;
/** Each piece that is written costs some 20 µs besides its bytes; a larger one does not stay in the processor's cache. */
const leastPiece = 512 * 1024;

/**
 * Clients take turns, each with the same share: neither a fast one nor one with many downloads makes others
 * wait, and all together do not keep the event loop.
 */
export class Turns {
  readonly #allowance: Allowance | null;
  /** Who waits for a turn, by client, in the order of the turns. */
  readonly #waiting = new Map<string, Sender[]>();
  #waitingSenders = 0;
  #isScheduled = false;
  /** Bytes of first turns in this turn of the event loop. */
  #atOnce = 0;
  /** Downloads under way, also those whose client takes nothing now. */
  #senders = 0;
  readonly #run = (): void => {
    this.#isScheduled = false;
    this.#atOnce = 0;
    const share = Math.min(turnBytes, this.#allowance?.share ?? turnBytes);
    let left = turnBytes;
    // No more than waited: who asks again and again must not keep the event loop.
    let turns = this.#waitingSenders;
    while (left > 0 && turns > 0 && this.#allowance?.isUsedUp() !== true) {
      const bytes = this.#next()?.send(share) ?? 0;
      left -= bytes;
      turns -= 1;
    }
    if (this.#waitingSenders > 0) this.#schedule();
  };

  constructor({ maxBytesPerSecond, clock }: TurnsOptions) {
    this.#allowance = maxBytesPerSecond === null ? null : new Allowance(maxBytesPerSecond, clock);
  }

  join(): void {
    this.#senders += 1;
  }

  leave(): void {
    this.#senders -= 1;
  }

  /** As much as is to be written at once. */
  get pieceBytes(): number {
    return Math.max(leastPiece, Math.floor(turnBytes / Math.max(1, this.#senders)));
  }

  /** The first turn: at once where nobody waits for one, since what is small is over with it. */
  begin(sender: Sender): void {
    const isFree = this.#allowance === null && this.#waitingSenders === 0;
    if (!isFree || this.#atOnce >= turnBytes) {
      this.ask(sender);
      return;
    }
    this.#atOnce += sender.send(turnBytes);
    this.#schedule();
  }

  /** Asks for one turn. */
  ask(sender: Sender): void {
    const senders = this.#waiting.get(sender.client);
    if (senders === undefined) this.#waiting.set(sender.client, [sender]);
    else senders.push(sender);
    this.#waitingSenders += 1;
    this.#schedule();
  }

  /** Notes what was sent. */
  sent(bytes: number): void {
    this.#allowance?.use(bytes);
  }

  #next(): Sender | null {
    const first = this.#waiting.entries().next();
    if (first.done === true) return null;
    const [client, senders] = first.value;
    const sender = senders.shift() ?? null;
    this.#waiting.delete(client);
    if (senders.length > 0) this.#waiting.set(client, senders);
    this.#waitingSenders -= 1;
    return sender;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const pauseMs = this.#allowance?.pauseMs() ?? 0;
    if (pauseMs > 0) setTimeout(this.#run, pauseMs);
    else setImmediate(this.#run);
  }
}
