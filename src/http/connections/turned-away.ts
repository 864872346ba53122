import type { Socket } from "node:net";

/** Clients that are told to come again, at the same time; more are only closed. */
const mostAtOnce = 32;
const patienceMs = 2000;

// iPXE waits so long and asks again by itself.
const answer =
  "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/** Connections for which there is no place. */
export class TurnedAway {
  readonly #sockets = new Set<Socket>();

  /** Answers the client's first request with 503, whatever it is. */
  add(socket: Socket): void {
    // What becomes of it is of no interest.
    socket.on("error", () => {});
    if (this.#sockets.size >= mostAtOnce) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), patienceMs).unref();
    socket.once("close", () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    // Closed before it was read, the answer would be lost: what comes is taken until the client closes.
    socket.once("data", () => socket.end(answer)).on("end", () => socket.end());
    socket.resume();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
