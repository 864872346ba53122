import type { DatabaseState } from "../../daemon/database/ask.ts";
import { check } from "../check.ts";
import type { DoctorSite } from "../site.ts";

/** The database of `leases.store`, and the other servers that share it. */
export const databaseCheck = check<DoctorSite, DatabaseState>({
  id: "database",
  quick: false,
  look: async (site) => {
    const state = await site.database();
    return state === null ? [] : [state];
  },
  faults: [
    {
      code: "database-away",
      cause: "{place} cannot be used: {problem}; no new address is leased while that is so",
      remedy:
        "start it, or mend the way to it; after a wrong password or a missing right, correct {urlFile} or give the user the right to make tables",
      who: "site",
      status: "fail",
      when: ({ place, problem, urlFile }) =>
        problem === null ? null : { place, problem, urlFile },
    },
  ],
  fine: ({ place, servers }) =>
    servers.length === 0
      ? `${place} answers; no server has shared its leases there yet`
      : `${place} answers; it is shared by ${servers.join(", ")}`,
});
