import { z } from "zod";
import type { Config } from "../../config/schema.ts";
import { messageOf } from "../../lib/errors.ts";
import { connectBy } from "./driver.ts";
import { prepareSession } from "./schema.ts";
import type { Sql } from "./sql.ts";
import { readUrlFile, urlFileOf } from "./url.ts";

/** What the database of `leases.store` says when it is asked once. */
export interface DatabaseState {
  readonly urlFile: string;
  readonly place: string;
  /** Why it cannot be used; null: it can. */
  readonly problem: string | null;
  /** The servers that share it, with how long ago each was heard of. */
  readonly servers: readonly string[];
  /** Where machines reach these servers, this one among them. */
  readonly addresses: readonly string[];
}

const serversSeen = `SELECT name, addresses::text AS addresses, round(extract(epoch FROM clock_timestamp() - seen_at))::text AS seconds
  FROM eim_pxe_servers ORDER BY name LIMIT 100`;

const addressList = z.array(z.string());

/** Null where the leases are in the journal. Never rejects. */
export async function askDatabase(config: Pick<Config, "leases">): Promise<DatabaseState | null> {
  const urlFile = urlFileOf(config);
  if (urlFile === null) return null;
  let place = "the database";
  let sql: Sql | null = null;
  try {
    ({ place } = await readUrlFile(urlFile));
    sql = await connectBy(urlFile)(() => {});
    await prepareSession(sql);
    const rows = await sql.query(serversSeen, []);
    const servers = rows.map(
      ({ name, seconds }) => `${String(name)} (heard of ${String(seconds)} s ago)`,
    );
    const addresses = rows.flatMap((row) =>
      addressList.parse(JSON.parse(String(row["addresses"]))),
    );
    return { urlFile, place, problem: null, servers, addresses };
  } catch (error) {
    return { urlFile, place, problem: messageOf(error), servers: [], addresses: [] };
  } finally {
    await sql?.close();
  }
}
