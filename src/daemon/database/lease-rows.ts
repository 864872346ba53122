import { z } from "zod";
import { isActive, type Lease, type LeaseTable } from "../../dhcp/leases/lease-table.ts";
import { formatSubnet, type Ip4, parseIp4, subnetOf } from "../../lib/ip4.ts";
import { parseMac } from "../../lib/mac.ts";

/*
 * Leases as rows. Times in the table are by the database's clock, on the way they are durations: no server's clock is
 * compared with another's.
 */

/** For a table named `l`. */
export const leaseColumns = `host(l.address) AS address, l.network::text AS network, l.mac, l.state,
  extract(epoch FROM clock_timestamp() - l.started_at) * 1000 AS age_ms,
  extract(epoch FROM l.expires_at - clock_timestamp()) * 1000 AS left_ms,
  l.hostname, l.client_id, l.version::text AS version`;

/** So long a lease can last in the table: as long as the longest that DHCP knows. */
const MOST_MS = 0xffffffff * 1000;

const milliseconds = z.union([z.number(), z.string().transform(Number)]).pipe(z.number());

const leaseRow = z.object({
  address: z.string().refine((text) => parseIp4(text) !== null),
  network: z.string(),
  mac: z.string().refine((text) => parseMac(text) === text),
  state: z.enum(["bound", "released", "declined", "in-use"]),
  age_ms: milliseconds,
  left_ms: milliseconds,
  hostname: z.string().nullable(),
  client_id: z.string().nullable(),
  version: z.string(),
});
export type LeaseRow = z.output<typeof leaseRow>;

/** Rows that somebody wrote by hand and that are no leases are left out. */
export function readLeaseRows(rows: readonly unknown[]): readonly LeaseRow[] {
  return rows.flatMap((row) => {
    const read = leaseRow.safeParse(row);
    return read.success ? [read.data] : [];
  });
}

/** @param askedAtMs when the statement was sent: it ends no later here than in the database */
export function leaseOfRow(row: LeaseRow, askedAtMs: number): Lease {
  return {
    mac: row.mac,
    address: row.address,
    network: row.network,
    state: row.state,
    startedAtMs: Math.round(askedAtMs - row.age_ms),
    expiresAtMs: Math.floor(askedAtMs + row.left_ms),
    hostname: row.hostname,
    clientId: row.client_id,
  };
}

/** What a lease is written with. */
export interface WantedLease {
  readonly lease: Lease;
  /** The version of the quarantine that is known to be on its address; null: none is. */
  readonly known: string | null;
  /** The version of the machine's other lease in the network, as it is known here; null: there is none. */
  readonly own: string | null;
}

export function networkNameOf({ network, address }: Pick<Lease, "network" | "address">): string {
  return network ?? formatSubnet(subnetOf(address, 32));
}

/** The parameter of `recordLeases`. */
export function wantedRows(wanted: readonly WantedLease[], nowMs: number): string {
  return JSON.stringify(
    wanted.map(({ lease, known, own }) => ({
      address: lease.address,
      network: networkNameOf(lease),
      mac: lease.mac,
      state: lease.state,
      age_ms: Math.max(0, nowMs - lease.startedAtMs),
      left_ms: Math.min(MOST_MS, lease.expiresAtMs - nowMs),
      hostname: lease.hostname,
      client_id: lease.clientId,
      known,
      own,
    })),
  );
}

/*
 * A lease is written unless another server was faster:
 *  - its address must be free by the database's clock, or the machine's already, or in a quarantine that is known here;
 *    a conflict check that finds the machine itself there puts no quarantine on it;
 *  - the machine must have no other lease in force in the network but one that is known here, which ends.
 * What another server commits at the very moment shows as a row that is not in the snapshot: by `WHERE` of the upsert for
 * the address, by the unique index for the machine, where the whole statement fails and is sent again.
 */
const takesMachine = (name: string) => `${name}.state IN ('bound', 'released')`;
const isQuarantine = (name: string) => `${name}.state IN ('declined', 'in-use')`;
/** A machine may decline what it has itself; that somebody answers there says nothing, where another server leased it to the machine. */
const replacesOwn = (former: string, next: string) =>
  `(${former}.mac = ${next}.mac AND ${former}.state = 'bound' AND ${next}.state <> 'in-use')`;
const inForce = (name: string) =>
  `(${name}.state <> 'released' AND ${name}.expires_at > clock_timestamp())`;

/*
 * What a statement looks for is at most some hundred rows. PostgreSQL, which cannot know how many there are in $1, would rather
 * read the whole table; so they are looked up by their indexes first, and all conditions hold for what is found.
 */
const near = (addresses: string) =>
  `(SELECT * FROM eim_pxe_leases n WHERE n.address = ANY (ARRAY(${addresses})))`;
/** The addresses of the machines in `list`, by the unique index of machines. */
const ofMachines = (list: string) => `SELECT m.address FROM ${list} w CROSS JOIN LATERAL (
    SELECT o.address FROM eim_pxe_leases o
    WHERE o.network = w.network AND o.mac = w.mac AND ${takesMachine("o")} OFFSET 0) m`;

/** $1: `wantedRows`, no address twice and no machine twice in a network; $2: the server. One row for each outcome. */
export const recordLeases = `
WITH wanted AS (
  SELECT * FROM json_to_recordset($1::text::json) AS w(address inet, network cidr, mac text, state text,
    age_ms float8, left_ms float8, hostname text, client_id text, known text, own text)
),
held AS (
  SELECT host(w.address) AS wanted, ${leaseColumns}
  FROM wanted w JOIN ${near("SELECT w.address FROM wanted w")} l ON l.address = w.address
  WHERE ${inForce("l")} AND NOT ${replacesOwn("l", "w")}
    AND NOT (${isQuarantine("l")} AND l.version::text IS NOT DISTINCT FROM w.known)
  UNION ALL
  SELECT host(w.address) AS wanted, ${leaseColumns}
  FROM wanted w JOIN ${near(ofMachines("wanted"))} l
    ON l.network = w.network AND l.mac = w.mac AND l.address <> w.address
  WHERE ${takesMachine("w")} AND l.state = 'bound' AND ${inForce("l")}
    AND l.version::text IS DISTINCT FROM w.own
),
judged AS (
  SELECT * FROM wanted w WHERE NOT EXISTS (SELECT 1 FROM held WHERE held.wanted = host(w.address))
),
ended AS (
  DELETE FROM eim_pxe_leases l USING judged w
  WHERE l.address = ANY (ARRAY(${ofMachines("judged")})) AND ${takesMachine("w")} AND ${takesMachine("l")}
    AND l.network = w.network AND l.mac = w.mac AND l.address <> w.address
    AND (NOT ${inForce("l")} OR l.version::text IS NOT DISTINCT FROM w.own)
  RETURNING l.address
),
put AS (
  INSERT INTO eim_pxe_leases AS l
    (address, network, mac, state, started_at, expires_at, hostname, client_id, server, version)
  SELECT w.address, w.network, w.mac, w.state,
    clock_timestamp() - w.age_ms * interval '1 millisecond',
    clock_timestamp() + w.left_ms * interval '1 millisecond',
    w.hostname, w.client_id, $2::text, pg_current_xact_id()
  FROM judged w
  WHERE (SELECT count(*) FROM ended) >= 0
  ORDER BY w.address
  ON CONFLICT (address) DO UPDATE SET network = excluded.network, mac = excluded.mac, state = excluded.state,
    started_at = excluded.started_at, expires_at = excluded.expires_at, hostname = excluded.hostname,
    client_id = excluded.client_id, server = excluded.server, version = excluded.version
  WHERE NOT ${inForce("l")} OR ${replacesOwn("l", "excluded")}
    OR (${isQuarantine("l")} AND l.version::text IS NOT DISTINCT FROM
      (SELECT w.known FROM wanted w WHERE w.address = excluded.address))
  RETURNING host(l.address) AS wanted, l.version::text AS version
)
SELECT 'put' AS outcome, wanted, NULL AS row, version FROM put
UNION ALL
SELECT 'held', wanted, to_json(held)::text, version FROM held`;

const outcome = z.object({
  outcome: z.enum(["put", "held"]),
  wanted: z.string(),
  row: z.string().nullable(),
  version: z.string(),
});

/** What became of leases that were to be written; an address that is in neither is to be asked for again. */
export interface Recorded {
  /** The versions by address. */
  readonly put: ReadonlyMap<Ip4, string>;
  /** What is in the way, by the address that was wanted. */
  readonly held: ReadonlyMap<Ip4, readonly LeaseRow[]>;
}

export function readRecorded(rows: readonly unknown[]): Recorded {
  const put = new Map<Ip4, string>();
  const held = new Map<Ip4, LeaseRow[]>();
  for (const row of rows) {
    const { outcome: kind, wanted, row: text, version } = outcome.parse(row);
    if (kind === "put") put.set(wanted, version);
    else
      held.set(wanted, [
        ...(held.get(wanted) ?? []),
        ...readLeaseRows([JSON.parse(text ?? "null")]),
      ]);
  }
  return { put, held };
}

/**
 * Leases that this server knows and the database, of which these are all rows, has lost or has as they were before: it was
 * restored, or another host took it over that lacked the last commits. They were acknowledged, so they are written anew.
 */
export function lostLeases(
  written: LeaseTable,
  versions: ReadonlyMap<Ip4, string>,
  rows: readonly LeaseRow[],
  nowMs: number,
): readonly Lease[] {
  const byAddress = new Map(rows.map((row) => [row.address, row]));
  const machines = new Set(
    rows.filter(({ state }) => state === "bound").map(({ mac, network }) => `${mac} ${network}`),
  );
  return written.all().filter((lease) => {
    if (lease.state !== "bound" || !isActive(lease, nowMs)) return false;
    const row = byAddress.get(lease.address);
    if (row === undefined) return !machines.has(`${lease.mac} ${networkNameOf(lease)}`);
    const isOlder = leaseOfRow(row, nowMs).expiresAtMs < lease.expiresAtMs - 1000;
    return (
      row.mac === lease.mac &&
      row.state === "bound" &&
      isOlder &&
      row.version !== versions.get(lease.address)
    );
  });
}
