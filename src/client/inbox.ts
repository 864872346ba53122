import type { UdpEndpoint, UdpSocket } from "../net/udp.ts";
import { answerWithin } from "./wait.ts";

export interface Datagram {
  readonly payload: Uint8Array;
  readonly from: UdpEndpoint;
}

/** The datagrams of a socket as a queue that one reader waits at. */
export class Inbox {
  readonly #queue: Datagram[] = [];
  #wake: (() => void) | null = null;

  constructor(socket: UdpSocket) {
    socket.onMessage((payload, from) => {
      this.#queue.push({ payload, from });
      this.#wake?.();
    });
  }

  /** The next datagram, or null when none comes within `ms` milliseconds. */
  async next(ms: number): Promise<Datagram | null> {
    if (this.#queue.length === 0) {
      await answerWithin(new Promise<void>((resolve) => (this.#wake = resolve)), ms);
      this.#wake = null;
    }
    return this.#queue.shift() ?? null;
  }
}
