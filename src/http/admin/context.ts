import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { AssetsReply, LoaderReply, ManifestReply, SyncReply } from "../../api/artifacts.ts";
import type { ImportedLease, LeaseImportReply, LeaseReply, PoolReply } from "../../api/leases.ts";
import type { DecisionReply, WakeReply } from "../../api/nodes.ts";
import type { PacketReply } from "../../api/packets.ts";
import type { OtherServerKind, SiteReply } from "../../api/site.ts";
import type { LocalBootWay } from "../../boot/local-boot.ts";
import type { FindNode, Identity, Netboot, NodeEntry } from "../../boot/node.ts";
import type { Boot } from "../../timeline/boot.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { ProvenStyle } from "../../boot/offer-style.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { PxeEvent } from "../../events/types.ts";
import type { Tokens } from "./access.ts";
import type { OwnHosts } from "./request-guard.ts";

export interface Readiness {
  readonly ready: boolean;
  /** What is missing and what to do about it, for people. Empty when ready. */
  readonly reasons: readonly string[];
  /** Why links are not served while others are: machines there cannot boot. */
  readonly unserved: readonly string[];
}

export interface ListedGeneration {
  readonly id: string;
  readonly manifest: ManifestReply;
}

export interface ListedGenerations {
  current(): { readonly id: string } | null;
  list(): readonly ListedGeneration[] | Promise<readonly ListedGeneration[]>;
}

/** What administrators do with the generations. All throw `SyncError`. */
export interface ManagedArtifacts {
  /** The generation that the operator pinned; null: the newest is served. */
  pinned(): string | null;
  pin(generation: string | null, by: string): Promise<void>;
  /** Reads every file again; resolves with what is wrong with each damaged generation, by id. */
  verify(): Promise<ReadonlyMap<string, string>>;
  /** The loaders that machines can be given, and what each one is. */
  loaders(): Promise<readonly LoaderReply[]>;
  /** What is in the asset folder; null: there is none. */
  assets(): Promise<AssetsReply | null>;
  /** Makes a generation of the import of that name in the data folder; resolves with its id. */
  adopt(name: string): Promise<string>;
}

/** A machine by what is known of it. */
export type KnownMachine = Parameters<FindNode>[0];

/** What is known of machines besides their boots. */
export interface ListedNodes {
  /** The MACs behind this text that entries of the nodes file name, ascending. */
  readonly macsAfter: (text: string) => Iterable<Mac>;
  /** The entry in force, with what was decided. */
  readonly find: FindNode;
  /** Whether an entry of the nodes file matches a machine. */
  hasEntry(machine: KnownMachine): boolean;
  /** Why a machine with this entry in force (null: none) may not boot; null when it may. */
  denialOf(entry: NodeEntry | null): string | null;
  /** The word in force about a machine, and whose it is; null: none. */
  wordFor(machine: KnownMachine): {
    readonly netboot: Netboot;
    /** Null: its entry says so. */
    readonly by: string | null;
    readonly at: string | null;
    readonly onceUsedAt: string | null;
  } | null;
  /** The unknown machines that wait for a decision. */
  waiting(): readonly { readonly mac: Mac; readonly firstAtMs: number }[];
  waitingSince(mac: Mac): number | null;
  /** How a machine was seen to go on to its disk; null: that is not known. */
  localBootOf(mac: Mac): LocalBootWay | null;
  readonly unknown: "allow" | "deny";
  decisions(): readonly DecisionReply[];
  /**
   * Decides about machines; a part that is absent stays. Resolves with what is decided now, and in `unkept` with the
   * reason when that could not be written to disk.
   */
  decide(
    match: { readonly kind: Identity; readonly value: string },
    change: NodeDecision,
    by: string,
  ): Promise<{ readonly decision: DecisionReply; readonly unkept: string | null }>;
  /** For each machine the offer style that its firmware accepted. */
  offerStyles(): readonly ProvenStyle[];
  offerStyleOf(mac: Mac): ProvenStyle | null;
  /** Forgets what was learnt of a machine's firmware: its offer style, and how it goes on to its disk. */
  forgetOfferStyle(mac: Mac): void;
}

/** The last packets of machines. */
export interface RecordedCaptures {
  /** Those of a boot, decoded; null: captures are switched off. */
  packetsOf(boot: Boot): readonly PacketReply[] | null;
  /** The same as a capture file; redacted: without what belongs to other machines. */
  fileOf(boot: Boot, isRedacted: boolean): Promise<Uint8Array | null>;
}

export interface NodeDecision {
  readonly netboot?: Netboot | null | undefined;
  readonly name?: string | null | undefined;
  readonly address?: Ip4 | null | undefined;
}

export interface AdminLeases {
  /** Leases in force with addresses above this one (null: all), by address; a step for each that is looked at. */
  page(after: Ip4 | null, limit: number): Generator<void, readonly LeaseReply[]>;
  /** The lease in force of an address; null when it is free. */
  at(address: Ip4): LeaseReply | null;
  /** How full the pools are; a step for each lease that is looked at. */
  pools(): Generator<void, readonly PoolReply[]>;
  /** Frees an address; resolves with what it was, or with null when it is free already. */
  release(address: Ip4): Promise<LeaseReply | null>;
  /** Imports those that contradict no lease here; resolves with how many, and why the others were skipped. */
  import(leases: readonly ImportedLease[]): Promise<LeaseImportReply>;
}

/** The boots that other servers saw, and what they reported of them. */
export interface BootsElsewhere {
  servers(): readonly {
    readonly id: string;
    /** For people, and no other server's. */
    readonly name: string;
    readonly sessions: BootSessions;
  }[];
  /** Each as JSON, of a boot by its id; none while they cannot be read. Never rejects. */
  eventsOf(serverId: string, bootId: string): Promise<readonly string[]>;
  /** Calls `listener` with every event of theirs, `server` being its name, until the returned function is called. */
  subscribe(listener: (event: StreamedEvent) => void): () => void;
}

/** An event as a stream sends it. */
export interface StreamedEvent {
  readonly event: string;
}

/** What the admin port works with. */
export interface AdminAppOptions extends OwnHosts, Tokens {
  /** Of the program. */
  readonly version: string;
  /** The configuration that commands in texts have to name; null: the default one. */
  readonly configFile: string | null;
  /** Whether it is asked by TLS. */
  readonly secure: boolean;
  /** Where the dashboard was built; null: it was not. */
  readonly dashboardFolder: string | null;
  /** Differs between any two runs of the program. */
  readonly instance: string;
  readonly sessions: BootSessions;
  /** The boots that the other servers of the database saw; null or absent: there is no database. */
  readonly elsewhere?: BootsElsewhere | null;
  readonly clock: Clock;
  /** Whether a machine could boot now. */
  readiness(): Readiness;
  /** What is known of the site. */
  site(): Promise<
    Pick<SiteReply, "links" | "leader" | "otherServers" | "origin" | "generation" | "disk">
  >;
  /** What the site's own DHCP server of that kind has to say; throws `ConfigError` when there is no such link. */
  otherServerText(kind: OtherServerKind, link: string | null): string;
  /** A registry of Prometheus metrics, as prom-client has them. */
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  readonly generations: ListedGenerations;
  readonly artifacts: ManagedArtifacts;
  /** Runs one synchronisation; resolves with its result. Throws `SyncError`. */
  sync(): Promise<SyncReply>;
  readonly nodes: ListedNodes;
  /** Sends a machine a magic packet; resolves with where it went, and where it could not. */
  wake(mac: Mac, by: string): Promise<WakeReply>;
  readonly leases: AdminLeases;
  readonly captures: RecordedCaptures;
  /** Is told what somebody changed, and who, after it was done. */
  changed(what: { readonly by: string; readonly request: string }): void;
  /** Calls `listener` with every event from now on, until the returned function is called. */
  subscribe(listener: (event: PxeEvent) => void): () => void;
}

/** The admin port's Fastify: a handler takes and returns what the endpoint's shapes in `api` say. */
export type AdminApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;
