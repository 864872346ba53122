import type { LoaderStore } from "../../artifacts/loaders/loader-store.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import type { BootPolicy } from "../../boot/policy.ts";
import type { Config } from "../../config/schema.ts";
import type { Emit } from "../../events/types.ts";
import { createBootApp } from "../../http/boot/app.ts";
import type { Files } from "../../http/files/files.ts";
import { listen } from "../../http/listen.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Inventory } from "../../nodes/inventory.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { openHttpFiles } from "../content/http-files.ts";
import { scriptOf } from "../settings/boot-settings.ts";
import { HttpConnections } from "./http-connections.ts";
import type { Opened } from "./link-supervisor.ts";

export interface BootPortParts {
  readonly config: Config;
  readonly store: GenerationStore;
  readonly loaders: LoaderStore;
  readonly sessions: BootSessions;
  readonly policy: BootPolicy;
  /** The nodes that are in force now. */
  readonly inventory: () => Inventory;
  /** At the same time, at all addresses. */
  readonly maxConnections: number;
  /** Bytes of memory that this process could still take. */
  readonly availableMemory: () => number;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** The HTTP port that machines see, at each address of ours. */
export class BootPort {
  readonly connections: HttpConnections;
  readonly #parts: BootPortParts;
  readonly #files: Files;
  #port: number;

  constructor(parts: BootPortParts) {
    const { config, maxConnections, availableMemory, emit, clock } = parts;
    this.#parts = parts;
    this.#port = config.http.port;
    this.connections = new HttpConnections({
      port: "boot",
      connections: maxConnections,
      emit,
      clock,
    });
    const admission = this.connections.limits;
    this.#files = openHttpFiles({ config, availableMemory, admission, emit, clock });
  }

  /** As configured, or as it was really taken on the first address. */
  get port(): number {
    return this.#port;
  }

  baseUrl(address: Ip4): string {
    return `http://${address}:${this.#port}`;
  }

  /** Throws `BindError`. */
  async open(address: Ip4): Promise<Opened> {
    const { config, store, loaders, sessions, policy, inventory, emit, clock } = this.#parts;
    const { compatibility } = config.dhcp;
    const app = createBootApp({
      generations: store,
      loaders,
      files: this.#files,
      sessions,
      findNode: (machine) => inventory().find(machine),
      policy,
      kernelArgs: config.boot.kernelArgs,
      script: scriptOf(config),
      autoexec: config.boot.path === "mirror",
      baseUrls: new Map(),
      smee: compatibility === "standard" ? null : compatibility,
      emit,
      clock,
    });
    const at = { host: address, port: this.#port };
    const bound = await listen(app, at, this.connections.listenOptions);
    // Where any free port will do, the first one is it for all addresses.
    this.#port = bound.port;
    return {
      sockets: [`http ${bound.host}:${bound.port}`],
      close: (graceMs) => bound.close(graceMs),
    };
  }

  /** To be called when all addresses are closed. */
  close(): void {
    this.#files.close();
  }
}
