import { BindError } from "../../src/lib/errors.ts";
import { formatEndpoint } from "../../src/net/udp.ts";
import type { OpenUdp, UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";

interface FakeSocket {
  readonly messageHandlers: ((payload: Uint8Array, from: UdpEndpoint) => void)[];
  readonly errorHandlers: ((error: Error) => void)[];
}

/** UDP in memory: datagrams arrive in order and in a later microtask, or are lost where nobody is. */
export class FakeUdp {
  readonly #sockets = new Map<string, FakeSocket>();
  #nextPort = 50_000;

  get openPorts(): number {
    return this.#sockets.size;
  }

  readonly open: OpenUdp = (wanted) => {
    const port = wanted.port === 0 ? this.#nextPort++ : wanted.port;
    const local = { address: wanted.address, port };
    const key = formatEndpoint(local);
    if (this.#sockets.has(key)) {
      const cause = Object.assign(new Error("in use"), { code: "EADDRINUSE" });
      return Promise.reject(new BindError(`cannot bind ${key}`, { cause }));
    }
    const socket: FakeSocket = { messageHandlers: [], errorHandlers: [] };
    this.#sockets.set(key, socket);
    return Promise.resolve(this.#adapt(local, socket));
  };

  /** As the kernel would tell a socket that its datagrams do not get through. */
  failAt(local: UdpEndpoint, code: string): void {
    const error = Object.assign(new Error(code), { code });
    for (const handler of this.#sockets.get(formatEndpoint(local))?.errorHandlers ?? []) {
      handler(error);
    }
  }

  #adapt(local: UdpEndpoint, socket: FakeSocket): UdpSocket {
    const key = formatEndpoint(local);
    return {
      local,
      send: (payload, to) => {
        if (this.#sockets.get(key) !== socket) return;
        queueMicrotask(() => {
          const target = this.#sockets.get(formatEndpoint(to));
          for (const handler of target?.messageHandlers ?? []) handler(payload.slice(), local);
        });
      },
      onMessage: (handler) => socket.messageHandlers.push(handler),
      onError: (handler) => socket.errorHandlers.push(handler),
      close: () => {
        if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
        return Promise.resolve();
      },
    };
  }
}
