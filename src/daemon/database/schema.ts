import { messageOf } from "../../lib/errors.ts";
import { DatabaseError, isOfStatement, type Sql, sqlStateOf } from "./sql.ts";

/*
 * The tables. What must not happen is kept from happening here: an address has one row, and a machine has one row in each
 * network that is no quarantine. `version` is the transaction that wrote a row last.
 */

const UNDEFINED_TABLE = "42P01";

/** Of these tables; a server that finds another one leaves the database alone. */
export const schemaVersion = "1";

const create = `
SELECT pg_advisory_xact_lock(7351820045);
CREATE TABLE IF NOT EXISTS eim_pxe_leases (
  address inet PRIMARY KEY,
  network cidr NOT NULL,
  mac text NOT NULL,
  state text NOT NULL CHECK (state IN ('bound', 'released', 'declined', 'in-use')),
  started_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  hostname text,
  client_id text,
  server text NOT NULL,
  version xid8 NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS eim_pxe_leases_machine ON eim_pxe_leases (network, mac)
  WHERE state IN ('bound', 'released');
CREATE INDEX IF NOT EXISTS eim_pxe_leases_version ON eim_pxe_leases (version);
CREATE TABLE IF NOT EXISTS eim_pxe_decisions (
  key text PRIMARY KEY,
  body json NOT NULL,
  decided_at timestamptz NOT NULL,
  version xid8 NOT NULL
);
CREATE INDEX IF NOT EXISTS eim_pxe_decisions_version ON eim_pxe_decisions (version);
CREATE TABLE IF NOT EXISTS eim_pxe_servers (
  id text PRIMARY KEY,
  name text NOT NULL,
  addresses json NOT NULL,
  seen_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS eim_pxe_schema (version text PRIMARY KEY);
INSERT INTO eim_pxe_schema VALUES ('${schemaVersion}') ON CONFLICT DO NOTHING;
`;

/** What a session needs: a commit that is on disk, no statement that waits for ever, and none that is compiled for a handful of rows. */
const session = `
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
SET statement_timeout = '30s';
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = '10s';
SET TIME ZONE 'UTC';
SET jit = off;
`;

/** Prepares a new session, and makes the tables where there are none. Rejects with what is wrong. */
export async function prepareSession(sql: Sql): Promise<void> {
  await sql.run(session);
  const found = await versions(sql);
  if (found.length === 0) await sql.run(create);
  const others = (found.length === 0 ? await versions(sql) : found).filter(
    (version) => version !== schemaVersion,
  );
  if (others.length === 0) return;
  throw new DatabaseError(
    `its tables are of version ${others.join(", ")}, and this program knows version ${schemaVersion}: run the same version of eim-pxe on all servers`,
  );
}

/** Says that a server, with its name for people and its addresses, is there now. */
export const signOfLife = `
INSERT INTO eim_pxe_servers (id, name, addresses, seen_at) VALUES ($1::text, $2::text, $3::text::json, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET name = excluded.name, addresses = excluded.addresses, seen_at = excluded.seen_at`;
/** Forgets those that have been away for long. */
export const forgetServers =
  "DELETE FROM eim_pxe_servers WHERE seen_at < clock_timestamp() - interval '30 days'";

/**
 * Why what `newsOf` selects cannot be used; null: it can. Where it is not there, its tables are made: servers of before do
 * without them, so the version stays the same. Rejects where the database is away.
 */
export async function whyUnusable(
  sql: Sql,
  newsOf: string,
  { tables }: { readonly tables: string },
  server: string,
): Promise<string | null> {
  const look = () =>
    sql.query(
      `SELECT 1 FROM (${newsOf}) n WHERE $1::text IS NOT NULL AND $2::text IS NOT NULL LIMIT 1`,
      ["0", server],
    );
  try {
    await look().catch(async (error: unknown) => {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
      await sql.run(tables);
      await look();
    });
    return null;
  } catch (error) {
    if (isOfStatement(error)) return messageOf(error);
    throw error;
  }
}

async function versions(sql: Sql): Promise<readonly string[]> {
  try {
    const rows = await sql.query("SELECT version FROM eim_pxe_schema", []);
    return rows.map(({ version }) => String(version));
  } catch (error) {
    if (sqlStateOf(error) === UNDEFINED_TABLE) return [];
    throw error;
  }
}
