import { type Journal, openJournal } from "../../dhcp/leases/journal.ts";
import type { LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Emit } from "../../events/types.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";

/**
 * Opens the journal of a data folder and restores its leases; what is damaged in it is reported.
 *
 * @throws ConfigError when it cannot be used
 */
export async function openLeaseJournal(
  dataDir: string,
  leases: LeaseTable,
  emit: Emit,
): Promise<Journal> {
  const { journal, replay } = await openJournal({ dataDir, leases }).catch((error: unknown) => {
    throw new ConfigError([
      `dataDir: the lease journal in ${dataDir} cannot be used: ${messageOf(error)}`,
    ]);
  });
  const [first] = replay.damaged;
  if (first !== undefined) {
    emit({ event: "journal-damaged", records: replay.damaged.length, reason: first.reason });
  }
  return journal;
}
