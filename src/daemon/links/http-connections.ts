import type { Emit } from "../../events/types.ts";
import {
  Admission,
  type AdmissionLimits,
  type Shortage,
} from "../../http/connections/admission.ts";
import type { ListenOptions } from "../../http/listen.ts";
import type { Clock } from "../../lib/clock.ts";
import { parseIp4, type Subnet, subnetContains } from "../../lib/ip4.ts";

/** A client may have a quarter: enough for a cache that many machines share, and three others are not hindered. */
const SHARES = 4;
const MIN_PER_CLIENT = 8;
const SHORT_FOR_MS = 60_000;

export interface HttpConnectionsOptions {
  readonly port: "boot" | "admin";
  /** Of all clients at the same time. */
  readonly connections: number;
  /** Reverse proxies, each of which stands for many clients. */
  readonly proxies?: readonly Subnet[];
  readonly emit: Emit;
  readonly clock: Pick<Clock, "now">;
}

/** Connections to one of the two HTTP ports, at whatever addresses, and whether there are enough. */
export class HttpConnections {
  readonly #options: HttpConnectionsOptions;
  readonly #admission: Admission;
  #usedUpAtMs: number | null = null;

  constructor(options: HttpConnectionsOptions) {
    const { connections, proxies = [] } = options;
    const perClient = Math.max(MIN_PER_CLIENT, Math.floor(connections / SHARES));
    this.#options = options;
    const isShared = (address: string): boolean =>
      parseIp4(address) !== null && proxies.some((subnet) => subnetContains(subnet, address));
    this.#admission = new Admission({ connections, perClient, isShared });
  }

  get limits(): AdmissionLimits {
    return this.#admission.limits;
  }

  get listenOptions(): ListenOptions {
    return {
      admission: this.#admission,
      refused: (address, shortage) => this.#refused(address, shortage),
    };
  }

  /** Open now. */
  counts(): { readonly busy: number; readonly idle: number } {
    const { open, idle } = this.#admission;
    return { busy: open - idle, idle };
  }

  /** How many connections there are, when that was too few in the last minute; else null. */
  usedUp(): number | null {
    const since = this.#usedUpAtMs;
    const isNow = since !== null && this.#options.clock.now() - since < SHORT_FOR_MS;
    return isNow ? this.limits.connections : null;
  }

  #refused(address: string, shortage: Shortage): void {
    const { port, emit, clock } = this.#options;
    const { connections, perClient } = this.limits;
    if (shortage === "all") this.#usedUpAtMs = clock.now();
    const [client, reason] =
      shortage === "all"
        ? [null, `all ${connections} connections are in use`]
        : [address, `this client uses ${perClient} connections, which is the share of one client`];
    emit({ event: "http-connections-refused", port, client, refused: 1, reason });
  }
}
