import type { ProxyEnvironment } from "../artifacts/origin/proxy.ts";
import type { Mirror } from "../artifacts/sync/mirror.ts";
import type { EventBus } from "../events/bus.ts";
import type { Readiness } from "../http/admin/app.ts";
import type { Inventory } from "../nodes/inventory.ts";
import type { Logger } from "../observe/log.ts";
import type { BootSessions } from "../timeline/boots.ts";
import type { LeaderAccess } from "./leader/open-leadership.ts";
import type { WantedLink } from "./links/link-plan.ts";
import type { ListenerOptions } from "./links/listeners.ts";

/** What differs between a server on a site and the demo's on loopback. */
export interface ServiceOptions extends ListenerOptions {
  /** Those whose interface is there are served at once, the others when it comes. */
  readonly links: readonly WantedLink[];
  /** How often to look at the interfaces. */
  readonly lookEveryMs: number;
  readonly proxyEnvironment: ProxyEnvironment;
  readonly log: Logger;
  /** Tells this run of the program from every other. */
  readonly instance: string;
  /** By what it competes with other replicas for mode full; default: it is the only one. */
  readonly leader?: LeaderAccess | null;
}

export interface Services {
  readonly events: EventBus;
  readonly sessions: BootSessions;
  readonly mirror: Mirror | null;
  /** Base URL of the admin port. */
  readonly adminUrl: string;
  /** All that is open now, such as `tftp 192.168.77.1:69`. */
  readonly sockets: () => readonly string[];
  /** As it was really taken on the first link; null when TFTP is switched off. */
  readonly tftpPort: number | null;
  readonly readiness: () => Readiness;
  /** Takes another inventory of nodes into force. */
  useInventory(inventory: Inventory): void;
  /** Takes up renewed files of `http.tls`; what cannot be used changes nothing. */
  reloadCertificate(): void;
  /** Stops answering; running transfers have `graceMs` to end. */
  close(graceMs: number): Promise<void>;
}
