import type { Clock } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { UdpEndpoint } from "../net/udp.ts";
import { type Alarm, Listener } from "./listener.ts";
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
      newAlarm: (ring) => new Timer(this.#options.clock, ring),
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

/** One timer that is set anew at almost every packet: it is left running as long as it is early enough. */
class Timer implements Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #atMs: number | null = null;
  #timer: { readonly handle: NodeJS.Timeout; readonly atMs: number } | null = null;

  /** Calls `ring` once for each time that was set and came. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this time, on the clock's scale, and at no other; null: not at all. */
  set(atMs: number | null): void {
    this.#atMs = atMs;
    if (atMs !== null && this.#timer !== null && this.#timer.atMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    this.#timer = null;
    if (atMs === null) return;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#clock.now()));
    this.#timer = { atMs, handle: setTimeout(() => this.#fired(), delayMs) };
  }

  #fired(): void {
    const atMs = this.#atMs;
    this.#timer = null;
    if (atMs === null) return;
    if (this.#clock.now() < atMs) {
      this.set(atMs);
      return;
    }
    this.#atMs = null;
    this.#ring();
  }
}
