import type { Config } from "../config/schema.ts";
import type { DatabaseState } from "../daemon/database/ask.ts";
import type { Environment } from "../daemon/settings/environment.ts";
import type { Settings } from "../daemon/settings/settings.ts";
import type { WantedLink } from "../daemon/links/link-plan.ts";
import type { Running } from "../daemon/state/instance-file.ts";
import type { Finding } from "../lib/finding.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { NetworkInterface } from "../net/interfaces.ts";
import type { Offer } from "../pxe-client/wire/offers.ts";

/** What the checks of a configuration look at. What takes time is looked at once, when the first one asks. */
export interface DoctorSite {
  readonly settings: Settings;
  /** The file that was read; null: there is none, and the defaults hold. */
  readonly file: string | null;
  readonly environment: Environment;
  readonly interfaces: readonly NetworkInterface[];
  /** The links that are checked. */
  readonly links: readonly DoctorLink[];
  /** The server that works in the data folder now. */
  readonly running: (Running & { readonly answers: boolean }) | null;
  /** Milliseconds since the epoch by this host's clock. */
  readonly now: () => number;
  readonly bindings: () => Promise<readonly Binding[]>;
  readonly wire: () => Promise<readonly HeardLink[]>;
  readonly origins: () => Promise<readonly OriginState[]>;
  /** The database of `leases.store`; null: the leases are in the journal. */
  readonly database: () => Promise<DatabaseState | null>;
}

export interface DoctorLink {
  readonly name: string;
  /** As configured; null: the interface's first. */
  readonly address: string | null;
  readonly mode: WantedLink["mode"];
  /** Null: the interface cannot be served now. */
  readonly ours: string | null;
}

/** Whether a port can be had that `serve` needs. */
export interface Binding {
  /** `UDP 192.168.77.1:67 on eth1`. */
  readonly socket: string;
  readonly finding: Finding | null;
  /** The error where no rule knows it; null: the port can be had, or a rule says why not. */
  readonly error: string | null;
  /** Who has the port. */
  readonly holder: { readonly pid: number; readonly name: string } | null;
  /** systemd may have it and hand it over to `serve`. */
  readonly mayBePassed: boolean;
}

/** What DHCP servers said to an unknown PXE client on a link. */
export interface HeardLink {
  readonly link: DoctorLink;
  readonly config: Config;
  /** In the order of arrival, without those of this host. */
  readonly offers: readonly Offer[];
  /** Addresses of the servers that share this one's database: to answer here is what they are for. */
  readonly peers: readonly Ip4[];
  /** Why nothing could be heard; null: it was listened. */
  readonly unheard: string | null;
  /** Why nobody could be asked; null: they were. */
  readonly unasked: string | null;
}

/** The orchestrator's file service as it is now. */
export interface OriginState {
  readonly url: string;
  /** Why it cannot be used; null: it answers and is trusted. */
  readonly fault: { readonly message: string; readonly finding: Finding | null } | null;
  /** Files that it has to have and has not. */
  readonly missing: readonly string[];
  /** Null where it presented none. */
  readonly certificate: { readonly expiresAtMs: number; readonly fingerprint: string } | null;
  /** How far this host's clock is ahead of the origin's, in milliseconds; null: it did not say. */
  readonly aheadMs: number | null;
}
