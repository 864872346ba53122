import { randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Config } from "../../config/schema.ts";
import type { LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Emit } from "../../events/types.ts";
import { replaceFile } from "../../lib/atomic-file.ts";
import type { Clock } from "../../lib/clock.ts";
import { errnoOf } from "../../lib/errors.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { OtherBoots, type OtherServer } from "../../timeline/elsewhere/other-boots.ts";
import type { NodesInForce } from "../nodes/nodes-in-force.ts";
import { Database } from "./database.ts";
import { connectBy } from "./driver.ts";
import { keepPeers, peersIn } from "./peers-file.ts";
import { SharedDecisions } from "./shared-decisions.ts";
import { SharedTimelines } from "./shared-timelines.ts";
import { SharedLeases } from "./shared-leases.ts";
import { readUrlFile, urlFileOf } from "./url.ts";

export interface SharedDatabaseParts {
  readonly config: Pick<Config, "dataDir" | "leases">;
  /** Filled with what the database has. */
  readonly leases: LeaseTable;
  /** Hears what other servers decided, and tells them; null: nobody decides here. */
  readonly nodes: Pick<NodesInForce, "register" | "share" | "changed"> | null;
  /** The boots, which the others see, with the clock that they have their times by; null: nobody boots here. */
  readonly timelines: { readonly sessions: BootSessions; readonly clock: Clock } | null;
  /** Where machines reach this server now. */
  readonly addresses: () => readonly string[];
  readonly emit: Emit;
  /** By which the leases have their times. */
  readonly clock: Clock;
  /** Ends the wait for the first attempt to connect; default: nothing does. */
  readonly stopping?: AbortSignal | undefined;
}

/** The boots that other servers saw, and what they reported of them. */
export interface OtherTimelines extends Pick<SharedTimelines, "eventsOf" | "subscribe"> {
  servers(): readonly OtherServer[];
}

/** What several servers share, where `leases.store` names a database. */
export interface SharedDatabase {
  readonly database: Database;
  readonly leases: SharedLeases;
  /** The boots that the other servers saw; null: nobody boots here. */
  readonly timelines: OtherTimelines | null;
  /** Reports what happens, but not that another server of the database is on the link; a boot that goes on there is told apart. */
  readonly emit: Emit;
  /** Whether an address is another server's that shares the database, as far as is known. */
  readonly isPeer: (address: string) => boolean;
  /** Why no new address is leased, and what to do; null: it is. */
  problem(): string | null;
}

/**
 * The database of `leases.store`, when the first attempt to connect has ended, however it ended; null where the leases are
 * in the journal. The caller closes it after all that uses it.
 *
 * @throws ConfigError when the file with its URL cannot be used
 */
export async function openDatabase(parts: SharedDatabaseParts): Promise<SharedDatabase | null> {
  const { config, leases, emit, clock } = parts;
  const urlFile = urlFileOf(config);
  if (urlFile === null) return null;
  const { place } = await readUrlFile(urlFile);
  const database = new Database({
    ...parts,
    connect: connectBy(urlFile),
    place,
    server: await serverName(config.dataDir),
    name: hostname(),
    formerPeers: await peersIn(config.dataDir),
    // On a full disk the next start may take another server for a foreign one, if the database is away then.
    remember: (addresses) => void keepPeers(config.dataDir, addresses).catch(() => {}),
  });
  const shared = new SharedLeases({ database, leases, clock });
  database.share(shared);
  if (parts.nodes !== null) {
    const { register, changed } = parts.nodes;
    const decisions = new SharedDecisions({ database, register, changed });
    database.share(decisions);
    parts.nodes.share(decisions);
  }
  const timelines = shareTimelines(database, parts, place);
  await database.start(parts.stopping);
  return {
    database,
    leases: shared,
    timelines,
    emit: (event) => {
      if (event.event === "other-dhcp-server" && database.isPeer(event.server)) return;
      if (event.event === "competing-offer" && database.isPeer(event.server)) return;
      const isTaken = event.event === "taken-elsewhere";
      emit(isTaken ? { ...event, shared: database.isPeer(event.server) } : event);
    },
    isPeer: database.isPeer,
    problem: () =>
      database.problem === null
        ? null
        : `no new address is leased, because ${place} cannot be used (${database.problem}): start it, or mend the way to it (leases.store). Machines that have an address keep it for as long as it was leased`,
  };
}

function shareTimelines(
  database: Database,
  { timelines, emit }: SharedDatabaseParts,
  place: string,
): OtherTimelines | null {
  if (timelines === null) return null;
  const name = hostname();
  const others = new OtherBoots(name);
  let reported: string | null = null;
  const shared = new SharedTimelines({
    database,
    name,
    ...timelines,
    others,
    unusable: (reason) => {
      if (reason !== null && reason !== reported)
        emit({ event: "timelines-unshared", place, reason });
      reported = reason;
    },
  });
  database.share(shared.bootsPart);
  database.share(shared.eventsPart);
  return {
    servers: () => others.servers,
    eventsOf: (server, boot) => shared.eventsOf(server, boot),
    subscribe: (listener) => shared.subscribe(listener),
  };
}

/** This data folder's name in the tables: made once, the same after each restart. */
async function serverName(dataDir: string): Promise<string> {
  const file = join(dataDir, "server.id");
  const known = await readFile(file, "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  });
  if (/^[0-9a-f-]{36}$/.test(known.trim())) return known.trim();
  const name = randomUUID();
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  await replaceFile(file, `${name}\n`);
  return name;
}
