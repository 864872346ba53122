import type { UdpEndpoint, UdpSocket } from "../../net/udp.ts";

export interface Datagram {
  readonly payload: Uint8Array;
  readonly from: UdpEndpoint;
}

/** The datagrams of a socket as a queue that one reader waits at. */
export class Inbox {
  readonly #queue: Datagram[] = [];
  #wake: (() => void) | null = null;
  #failure: Error | null = null;

  constructor(socket: UdpSocket) {
    socket.onMessage((payload, from) => {
      this.#queue.push({ payload, from });
      this.#wake?.();
    });
    socket.onError((error) => (this.#failure = error));
  }

  /** What went wrong at last, such as a send that the host's own firewall refused; null: nothing. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** The next datagram, or null when none comes within `ms` milliseconds. */
  async next(ms: number): Promise<Datagram | null> {
    if (this.#queue.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    return this.#queue.shift() ?? null;
  }

  /** What comes within `ms` milliseconds. */
  async *within(ms: number): AsyncGenerator<Datagram> {
    const until = performance.now() + ms;
    for (let left = ms; left > 0; left = until - performance.now()) {
      const datagram = await this.next(left);
      if (datagram !== null) yield datagram;
    }
  }
}
