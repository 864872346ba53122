import type { Ip4 } from "../lib/ip4.ts";
import type { UdpEndpoint } from "../net/udp.ts";
import { Listener } from "./listener.ts";
import type { TftpServerOptions } from "./options.ts";

export type { TftpFile } from "./delivery.ts";
export type { TftpLimits, TftpServerOptions } from "./options.ts";

export interface TftpServer {
  /** Where it listens, in the order of `addresses`. */
  readonly endpoints: readonly UdpEndpoint[];
  /** Takes no more requests and frees all sockets; running transfers have `graceMs` to end. */
  close(graceMs: number): Promise<void>;
}

/** Listens on every address. Throws `BindError`, and then nothing is left open. */
export async function startTftpServer(options: TftpServerOptions): Promise<TftpServer> {
  const server = new Server(options);
  try {
    for (const address of options.addresses) await server.listen(address);
  } catch (error) {
    await server.close(0);
    throw error;
  }
  return server;
}

class Server implements TftpServer {
  readonly #options: TftpServerOptions;
  readonly #listeners: Listener[] = [];
  #closed: Promise<void> | null = null;
  #whenIdle: (() => void) | null = null;

  constructor(options: TftpServerOptions) {
    this.#options = options;
  }

  get endpoints(): readonly UdpEndpoint[] {
    return this.#listeners.map((listener) => listener.endpoint);
  }

  async listen(address: Ip4): Promise<void> {
    const { openUdp, port, limits } = this.#options;
    const socket = await openUdp({ address, port });
    const listener = new Listener(socket, this.#options, {
      hasRoom: () => this.#running() < limits.maxTransfers,
      ended: () => {
        if (this.#running() === 0) this.#whenIdle?.();
      },
    });
    this.#listeners.push(listener);
  }

  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.stopListening();
    if (this.#running() > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#whenIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  #running(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.running, 0);
  }
}
