import type { LeaseAdmin } from "../../dhcp/leases/lease-admin.ts";
import type { AdminLeases } from "../../http/admin/app.ts";
import { madeOfEach } from "../../lib/lists/turns.ts";
import { ApiError } from "../../http/admin/api-error.ts";
import type { Leadership } from "./leadership.ts";

/**
 * The leases as people see and change them: only the leader has them. Every other replica answers with 503 and says
 * whom to ask.
 *
 * @param leases null where no link is in mode full
 * @param leadership null where this server is the only one
 */
export function leaderLeases(
  leases: LeaseAdmin | null,
  leadership: Pick<Leadership, "state"> | null,
): AdminLeases {
  const there = (): LeaseAdmin | null => {
    const state = leadership?.state();
    if (state === undefined || state.leading) return leases;
    const who = state.leader === null ? "no replica is known to have them" : `ask ${state.leader}`;
    throw new ApiError(
      503,
      "NOT_LEADER",
      `the leases are the leader's, which this replica is not: ${who}`,
    );
  };
  return {
    page: (after, limit) => there()?.page(after, limit) ?? none(),
    at: (address) => there()?.at(address) ?? null,
    pools: () => there()?.pools() ?? none(),
    release: async (address) => there()?.release(address) ?? null,
    import: async (imported) => there()?.import(imported) ?? { imported: 0, skipped: [] },
  };
}

function none(): Generator<void, never[]> {
  return madeOfEach([], (one: never) => one);
}
