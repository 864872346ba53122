import { z } from "zod";

/* The tables of timelines, and the statements for them. They came after those of the leases, which do without. */

/** $1 is the server. */
export const timelineTables = `
SELECT pg_advisory_xact_lock(7351820045);
CREATE TABLE IF NOT EXISTS eim_pxe_boots (
  server text NOT NULL,
  boot text NOT NULL,
  name text NOT NULL,
  asked boolean NOT NULL,
  state text NOT NULL,
  seen_at timestamptz NOT NULL,
  version xid8 NOT NULL,
  PRIMARY KEY (server, boot)
);
CREATE INDEX IF NOT EXISTS eim_pxe_boots_version ON eim_pxe_boots (version);
CREATE TABLE IF NOT EXISTS eim_pxe_boot_events (
  server text NOT NULL,
  boot text NOT NULL,
  n bigint NOT NULL,
  body text NOT NULL,
  version xid8 NOT NULL,
  PRIMARY KEY (server, boot, n)
);
CREATE INDEX IF NOT EXISTS eim_pxe_boot_events_version ON eim_pxe_boot_events (version);
`;

/** Of its own rows a server asks only which there are. */
export const newBoots = `SELECT b.server, b.name, b.boot, CASE WHEN b.server = $2::text THEN '' ELSE b.state END AS state
  FROM eim_pxe_boots b WHERE b.version >= $1::text::xid8 ORDER BY b.seen_at DESC LIMIT 4000`;

/** What was reported before this server connected is read where somebody asks for it. */
export const newEvents = `SELECT e.server, e.boot, e.n AS number, e.body FROM eim_pxe_boot_events e
  WHERE e.version >= $1::text::xid8 AND $1::text <> '0' AND e.server <> $2::text ORDER BY e.n LIMIT 1000`;

/** A timeline may be lost by a crash of the database; the leases' commits do not wait for it. */
const unhurried = "quick AS (SELECT set_config('synchronous_commit', 'off', true))";

/** $1: a list of `{boot, asked, state}`, no boot twice; $2: the server; $3: its name. */
export const putBoots = `
WITH ${unhurried}
INSERT INTO eim_pxe_boots (server, boot, name, asked, state, seen_at, version)
SELECT $2::text, w.boot, $3::text, w.asked, w.state, clock_timestamp(), pg_current_xact_id()
FROM json_to_recordset($1::text::json) AS w(boot text, asked boolean, state text), quick
ON CONFLICT (server, boot) DO UPDATE SET name = excluded.name, asked = excluded.asked, state = excluded.state,
  seen_at = excluded.seen_at, version = excluded.version`;

/** $1: a list of `{boot, n, body}`; $2: the server. */
export const putEvents = `
WITH ${unhurried}
INSERT INTO eim_pxe_boot_events (server, boot, n, body, version)
SELECT $2::text, w.boot, w.n, w.body, pg_current_xact_id()
FROM json_to_recordset($1::text::json) AS w(boot text, n bigint, body text), quick
ON CONFLICT DO NOTHING`;

/** $1: the server; $2: how many of its boots stay, and as many that only asked as a quarter. */
export const trimBoots = `
DELETE FROM eim_pxe_boots b WHERE b.seen_at < clock_timestamp() - interval '7 days'
  OR (b.server = $1::text AND (
    (NOT b.asked AND b.boot IN (SELECT o.boot FROM eim_pxe_boots o WHERE o.server = $1::text AND NOT o.asked
      ORDER BY o.seen_at DESC OFFSET $2::text::int))
    OR (b.asked AND b.boot IN (SELECT o.boot FROM eim_pxe_boots o WHERE o.server = $1::text AND o.asked
      ORDER BY o.seen_at DESC OFFSET $2::text::int / 4))))`;

export const trimEvents = `
DELETE FROM eim_pxe_boot_events e
WHERE NOT EXISTS (SELECT 1 FROM eim_pxe_boots b WHERE b.server = e.server AND b.boot = e.boot)`;

/** $1: the server; $2: the boot. */
export const eventsOfBoot = `
SELECT body FROM eim_pxe_boot_events WHERE server = $1::text AND boot = $2::text ORDER BY n LIMIT 300`;

export const bootRow = z.object({
  server: z.string(),
  name: z.string(),
  boot: z.string(),
  state: z.string(),
});
export const eventRow = z.object({
  server: z.string(),
  boot: z.string(),
  number: z.number(),
  body: z.string(),
});
export const bodyRow = z.object({ body: z.string() });
