import type { UdpEndpoint } from "../udp.ts";
import { BATCH, type BatchCalls } from "./system-calls.ts";

/** Who sends, and hears what became of its datagrams. */
export interface Sender {
  readonly descriptor: number;
  /** The kernel took all but those from here on, which are sent when it takes more. */
  postponed(datagrams: readonly Outgoing[]): void;
  /** One was not sent, and is lost. */
  failed(errno: string): void;
}

export interface Outgoing {
  readonly payload: Uint8Array;
  /** Null: to the socket's peer. */
  readonly to: UdpEndpoint | null;
}

/**
 * What is sent in one turn of the event loop, gathered for one call: the datagrams of one socket at a time, since a call
 * sends by one.
 */
export class Outbox {
  readonly #calls: Pick<BatchCalls, "put" | "send">;
  #sender: Sender | null = null;
  /** The first `#count` of these: a new list for each block of a transfer is garbage. */
  readonly #waiting: Outgoing[] = [];
  #count = 0;
  #isScheduled = false;
  #isHandling = false;
  #isSettling = false;

  constructor(calls: Pick<BatchCalls, "put" | "send">) {
    this.#calls = calls;
  }

  add(sender: Sender, datagram: Outgoing): void {
    // More than once where somebody who hears of a failure sends something, too.
    while (this.#isToLeaveBefore(sender)) this.flush();
    this.#sender = sender;
    this.#calls.put(this.#count, datagram.payload, datagram.to);
    this.#waiting[this.#count] = datagram;
    this.#count += 1;
    if (this.#isHandling || this.#isScheduled) return;
    this.#isScheduled = true;
    // With what else goes on now, such as all whose leases one write has brought to the disk.
    queueMicrotask(this.#scheduled);
  }

  /** Whether what is gathered cannot leave together with a datagram of this sender. */
  #isToLeaveBefore(sender: Sender): boolean {
    return this.#count > 0 && (this.#sender !== sender || this.#count === BATCH);
  }

  /** What is sent from now on waits for `release`: handlers of datagrams are about to do their work. */
  hold(): void {
    this.#isHandling = true;
  }

  /** They have done it. */
  release(): void {
    this.#isHandling = false;
    this.flush();
    this.#settleSoon();
  }

  /** libuv calls us without Node: promises and ticks that a handler began go on after something that is Node's. */
  #settleSoon(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    setImmediate(this.#settled);
  }

  /** Sends what is gathered. */
  flush(): void {
    const sender = this.#sender;
    const end = this.#count;
    if (sender === null || end === 0) return;
    this.#sender = null;
    this.#count = 0;
    const failures: string[] = [];
    for (let at = 0; at < end;) {
      const sent = this.#calls.send(sender.descriptor, at, end);
      if (sent === "EAGAIN") {
        sender.postponed(this.#waiting.slice(at, end));
        break;
      }
      if (typeof sent === "string") failures.push(sent);
      at += typeof sent === "string" ? 1 : sent;
    }
    // Not before: who hears of it may send something, which goes where this batch was.
    for (const errno of failures) sender.failed(errno);
  }

  readonly #settled = (): void => {
    this.#isSettling = false;
  };

  readonly #scheduled = (): void => {
    this.#isScheduled = false;
    this.flush();
  };
}
