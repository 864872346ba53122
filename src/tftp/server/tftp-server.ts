import type { Ip4 } from "../../lib/ip4.ts";
import type { UdpEndpoint } from "../../net/udp.ts";
import { portsIn } from "./data-ports.ts";
import { TransferSlots } from "./transfer-slots.ts";
import { Listener } from "./listener.ts";
import type { TftpLimits, TftpServerOptions } from "./server-options.ts";
import { StartQueue } from "./start-queue.ts";

export type { TftpFile, TftpRefusal } from "./transfer-driver.ts";
export type { TftpDenial, TftpLimits, TftpServerOptions } from "./server-options.ts";

export interface TftpServer {
  /** Where it listens, in the order in which it began to. */
  readonly endpoints: readonly UdpEndpoint[];
  /** Transfers that run, at all addresses, and how many may. */
  readonly transfers: { readonly open: number; readonly limit: number };
  /** Listens on one more address. Throws `BindError`. */
  listen(address: Ip4): Promise<UdpEndpoint>;
  /** Takes no more requests on this address; the transfers that run there have `graceMs` to end. */
  leave(address: Ip4, graceMs: number): Promise<void>;
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
  readonly #slots: TransferSlots;
  readonly #starts: StartQueue;
  readonly #listeners: Listener[] = [];
  /** No longer listening; their transfers still count. */
  readonly #leaving = new Set<Listener>();
  /** To be called when a transfer has ended. */
  readonly #watchers = new Set<() => void>();
  #closed: Promise<void> | null = null;

  constructor(options: TftpServerOptions) {
    this.#options = options;
    this.#slots = new TransferSlots(mostTransfers(options.limits));
    this.#starts = new StartQueue(options.clock);
  }

  get endpoints(): readonly UdpEndpoint[] {
    return this.#listeners.map((listener) => listener.endpoint);
  }

  get transfers(): { readonly open: number; readonly limit: number } {
    return { open: this.#slots.size, limit: mostTransfers(this.#options.limits) };
  }

  async listen(address: Ip4): Promise<UdpEndpoint> {
    const { openUdp, port } = this.#options;
    const socket = await openUdp({ address, port });
    const listener = new Listener(socket, this.#options, {
      slots: this.#slots,
      starts: this.#starts,
      ended: () => {
        for (const watcher of this.#watchers) watcher();
      },
    });
    this.#listeners.push(listener);
    return listener.endpoint;
  }

  async leave(address: Ip4, graceMs: number): Promise<void> {
    const at = this.#listeners.findIndex(({ endpoint }) => endpoint.address === address);
    const [listener] = at === -1 ? [] : this.#listeners.splice(at, 1);
    if (listener === undefined) return;
    this.#leaving.add(listener);
    // In single-port mode the port is free for another listener only when no transfer uses it any more.
    await drain([listener], this.#options.limits.singlePort ? 0 : graceMs, this.#watchers);
    this.#leaving.delete(listener);
  }

  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    await drain([...this.#listeners, ...this.#leaving], graceMs, this.#watchers);
  }
}

/** Each transfer has a port of its own: who finds none free is to wait for a slot, as all others do. */
function mostTransfers({ maxTransfers, dataPorts, singlePort }: TftpLimits): number {
  const ports = dataPorts === null || singlePort ? Infinity : portsIn(dataPorts);
  return Math.min(maxTransfers, ports);
}

/** Stops listening, waits for the transfers, and ends those that are left. */
async function drain(
  listeners: readonly Listener[],
  graceMs: number,
  watchers: Set<() => void>,
): Promise<void> {
  for (const listener of listeners) listener.stopListening();
  if (runningOn(listeners) > 0) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        watchers.delete(watcher);
        resolve();
      };
      const watcher = (): void => {
        if (runningOn(listeners) === 0) done();
      };
      const timer = setTimeout(done, graceMs);
      watchers.add(watcher);
    });
  }
  await Promise.all(listeners.map((listener) => listener.close()));
}

function runningOn(listeners: readonly Listener[]): number {
  return listeners.reduce((sum, listener) => sum + listener.running, 0);
}
