import type { Config } from "../../config/schema.ts";
import type { DatabaseState } from "../../daemon/database/ask.ts";
import { peersIn } from "../../daemon/database/peers-file.ts";
import type { Ip4 } from "../../lib/ip4.ts";

/**
 * Where machines reach the servers that share this one's database: as that says now, and as the server of this data folder
 * last knew them. None where the leases are in the journal.
 */
export async function peersOf(
  { dataDir }: Pick<Config, "dataDir">,
  database: Pick<DatabaseState, "addresses"> | null,
): Promise<readonly Ip4[]> {
  return database === null ? [] : [...database.addresses, ...(await peersIn(dataDir))];
}
