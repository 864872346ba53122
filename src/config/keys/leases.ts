import { z } from "zod";
import { filePath } from "../values.ts";

const postgres = z.strictObject({
  urlFile: filePath("/etc/eim-pxe/database.url").meta({
    description:
      "A file with the database's URL on one line: `postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full`. Several hosts, separated by commas, are tried one after the other for the one that may be written to. Readable by the server's user only: it has the password. It is read again whenever the server connects.",
    see: "high-availability.md",
    since: "0.2.0",
  }),
});

/** `leases`: where the leases are kept. */
export const leases = z
  .strictObject({
    store: z
      .union([z.literal("journal"), z.strictObject({ postgres })], {
        error: "must be journal, or postgres: {urlFile: FILE}",
      })
      .default("journal")
      .meta({
        description:
          "Where the leases of mode full are kept. `journal`: in `dataDir`, for one server. `postgres: {urlFile: …}`: in a PostgreSQL database that two or more servers on one link share, with what was decided about machines; either server carries on when the other is gone.",
        see: "high-availability.md",
        examples: ["journal"],
        since: "0.2.0",
      }),
  })
  .prefault({})
  .meta({ description: "Where the leases of mode full are kept.", since: "0.2.0" });
