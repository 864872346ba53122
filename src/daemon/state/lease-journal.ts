import { openJournal } from "../../dhcp/leases/journal.ts";
import type { LeaseStore } from "../../dhcp/leases/lease-store.ts";
import type { LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Emit } from "../../events/types.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";

import { clockStep } from "./clock-watch.ts";

/**
 * Opens the journal of a data folder and restores its leases; what is damaged in it is reported,
 * and a clock that was set since it was written.
 *
 * @throws ConfigError when it cannot be used
 */
export async function openLeaseJournal(
  dataDir: string,
  leases: LeaseTable,
  clock: SteadyClock,
  emit: Emit,
): Promise<LeaseStore> {
  const opened = openJournal({ dataDir, leases, clock });
  const { journal, replay } = await opened.catch((error: unknown) => {
    throw new ConfigError([
      `dataDir: the lease journal in ${dataDir} cannot be used: ${messageOf(error)}`,
    ]);
  });
  const [first] = replay.damaged;
  if (first !== undefined) {
    emit({ event: "journal-damaged", records: replay.damaged.length, reason: first.reason });
  }
  if (replay.stepMs !== 0) emit(clockStep(replay.stepMs, "starting"));
  return journal;
}
