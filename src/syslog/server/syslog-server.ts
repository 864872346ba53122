import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { formatEndpoint, type OpenUdp, type UdpEndpoint } from "../../net/udp.ts";
import { DroppedLines } from "../dropped-lines.ts";
import { SyslogLimits } from "../limits.ts";
import { parseSyslog } from "../message.ts";

export interface SyslogServerOptions {
  readonly port: number;
  readonly openUdp: OpenUdp;
  /** Whether DHCP tells which machine has the address. */
  readonly isKnown: (address: Ip4) => boolean;
  /** How long dropped lines are counted before they are reported. */
  readonly reportAfterMs?: number;
  readonly emit: Emit;
  readonly clock: Pick<Clock, "now">;
}

/** One address that lines are taken at. */
export interface SyslogListener {
  readonly sockets: readonly string[];
  readonly endpoint: UdpEndpoint;
  close(): Promise<void>;
}

/**
 * Takes lines of machines' logs by UDP (RFC 5426, and RFC 3164 as it is spoken), and emits each as an event, within
 * limits. Nothing is ever answered.
 */
export class SyslogServer {
  readonly #options: SyslogServerOptions;
  readonly #limits: SyslogLimits;
  readonly #dropped = new DroppedLines();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SyslogServerOptions) {
    this.#options = options;
    this.#limits = new SyslogLimits(options.clock.now());
  }

  /** Throws `BindError`. */
  async open(address: Ip4): Promise<SyslogListener> {
    const { port, openUdp } = this.#options;
    const socket = await openUdp({ address, port });
    // Nothing is sent, and what a receiving socket reports the next datagram does not depend on.
    socket.onError(() => {});
    socket.onMessage((payload, from) => {
      // This host's own log may hold each line that is taken here: it must not come round again.
      if (from.address !== address) this.#receive(payload, from.address);
    });
    return {
      sockets: [`syslog ${formatEndpoint(socket.local)}`],
      endpoint: socket.local,
      close: () => socket.close(),
    };
  }

  /** Reports what was dropped last; to be called when all addresses are closed. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#report();
  }

  #receive(payload: Uint8Array, address: Ip4): void {
    const { isKnown, emit, clock } = this.#options;
    const refusal = this.#limits.refuses(address, isKnown(address), clock.now());
    if (refusal !== null) {
      if (this.#dropped.add(address, refusal)) this.#reportLater();
      return;
    }
    const message = parseSyslog(payload);
    if (message.text !== "") emit({ event: "syslog", mac: null, address, ...message });
  }

  #reportLater(): void {
    this.#timer = setTimeout(() => this.#report(), this.#options.reportAfterMs ?? 5000);
    // The process may end without it: closing reports what is left.
    this.#timer.unref();
  }

  #report(): void {
    this.#timer = null;
    for (const event of this.#dropped.take()) this.#options.emit(event);
  }
}
