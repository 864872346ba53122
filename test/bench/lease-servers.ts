import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Guest, Netns } from "../support/netns.ts";
import type { Postgres } from "../support/postgres.ts";

/* The servers of `leases.ts`: this one and Kea, each with leases in files or in PostgreSQL. */

export interface Peer {
  readonly name: string;
  /** With no lease. */
  start(): Guest;
  /** How many transactions its database has committed since the start; null: it has none. */
  commits(): number | null;
}

export interface PeerParts {
  readonly net: Netns;
  /** The host with `eth0`, 10.9.0.1/16. */
  readonly host: string;
  readonly folder: string;
  /** The file of our program. */
  readonly entry: string;
  /** Where the server runs; null: wherever the kernel puts it. */
  readonly core: number | null;
}

/** Each of these words becomes what it starts, so the guest's process is the server. */
function pinned({ net, host, core }: PeerParts, ...words: readonly string[]): Guest {
  const [program = "", ...rest] = core === null ? words : ["taskset", "-c", `${core}`, ...words];
  return net.spawn(host, program, ...rest);
}

let started = 0;

/** A database of this name, without anything in it. */
function emptyDatabase(postgres: Postgres, name: string): void {
  postgres.psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  postgres.psql(`CREATE DATABASE ${name}`);
}

function commitsOf(postgres: Postgres | null, name: string): number | null {
  if (postgres === null) return null;
  const text = `SELECT xact_commit FROM pg_stat_database WHERE datname = '${name}'`;
  return Number(postgres.psql(text));
}

/** @param postgres null: the leases are in the journal */
export function ours(parts: PeerParts, postgres: Postgres | null): Peer {
  const { folder, entry } = parts;
  const file = join(folder, "eim-pxe.yaml");
  const urlFile = join(folder, "database.url");
  return {
    name: postgres === null ? "eim-pxe" : "eim-pxe with PostgreSQL",
    commits: () => commitsOf(postgres, "ours"),
    start() {
      started += 1;
      if (postgres !== null) {
        emptyDatabase(postgres, "ours");
        writeFileSync(urlFile, postgres.urlOf("ours"), { mode: 0o600 });
      }
      const text = `
dataDir: ${join(folder, `data-${started}`)}
interfaces: [{ name: eth0, dhcp: { mode: full, pools: [10.9.1.0-10.9.240.255] } }]
dhcp: { allowOtherServers: true }
tftp: { enabled: false }
log: { level: warn }
${postgres === null ? "" : `leases: { store: { postgres: { urlFile: ${urlFile} } } }`}
`;
      writeFileSync(file, text);
      return pinned(parts, process.execPath, entry, "serve", "--config", file);
    },
  };
}

export interface KeaOptions {
  /** Null: the leases are in its memfile, which is written and not synced. */
  readonly postgres: Postgres | null;
  /** Null: one, as it comes. */
  readonly threads: number | null;
}

export function kea(parts: PeerParts, { postgres, threads }: KeaOptions): Peer {
  const { folder } = parts;
  const file = join(folder, "kea.json");
  const store = postgres === null ? "memfile" : "PostgreSQL";
  const database = "kea";
  return {
    name: `Kea 2.2 with ${store}${threads === null ? "" : ` and ${threads} threads`}`,
    commits: () => commitsOf(postgres, database),
    start() {
      started += 1;
      const at = join(folder, `kea-${started}`);
      mkdirSync(at);
      const memfile = {
        type: "memfile",
        persist: true,
        name: join(at, "leases.csv"),
        "lfc-interval": 0,
      };
      if (postgres !== null) {
        emptyDatabase(postgres, database);
        postgres.psqlFile("/usr/share/kea/scripts/pgsql/dhcpdb_create.pgsql", database);
      }
      const inDatabase = {
        type: "postgresql",
        name: database,
        user: "postgres",
        host: postgres?.socketFolder,
        port: 5432,
      };
      const pool = { "thread-pool-size": threads, "packet-queue-size": 64 };
      const text = {
        Dhcp4: {
          "interfaces-config": { interfaces: ["eth0"], "dhcp-socket-type": "udp" },
          "lease-database": postgres === null ? memfile : inDatabase,
          ...(threads === null
            ? {}
            : { "multi-threading": { "enable-multi-threading": true, ...pool } }),
          "valid-lifetime": 3600,
          subnet4: [{ subnet: "10.9.0.0/16", pools: [{ pool: "10.9.1.0 - 10.9.240.255" }] }],
          loggers: [
            { name: "kea-dhcp4", severity: "ERROR", output_options: [{ output: "stderr" }] },
          ],
        },
      };
      writeFileSync(file, JSON.stringify(text));
      const places = [`KEA_LOCKFILE_DIR=${at}`, `KEA_PIDFILE_DIR=${at}`];
      return pinned(parts, "env", ...places, "kea-dhcp4", "-c", file);
    },
  };
}
