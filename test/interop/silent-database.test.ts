import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { Postgres, postgresMissing } from "../support/postgres.ts";
import { ServedSite } from "../support/served-site.ts";

/* A database whose host is gone without a word: its connection stays, and nothing comes by it. */

const missing = postgresMissing();
/** A hang guard: usually it is a second, and a busy machine may need much longer. */
const endsWithinMs = 60_000;

describe.skipIf(missing !== null)(`serve${missing === null ? "" : ` (${missing})`}`, () => {
  let program: Program;
  let site: ServedSite;
  let postgres: Postgres;
  beforeAll(async () => {
    const listen = { address: "127.0.0.1", port: 54_329 };
    [program, site, postgres] = await Promise.all([
      Program.build(),
      ServedSite.open(),
      Postgres.open({ listen }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([program.remove(), site.close(), postgres.close()]);
  });

  test("ends although the database keeps its connection and says nothing", async () => {
    const store = `leases: { store: { postgres: { urlFile: ${postgres.urlFile} } } }`;
    const server = program.start(["serve", "--config", site.configuration(store)]);
    await server.event("database-back");
    await server.event("ready");
    postgres.signal("SIGSTOP");
    server.kill("SIGTERM");
    const guard = setTimeout(() => server.kill("SIGKILL"), endsWithinMs);
    const { code } = await server.finished();
    clearTimeout(guard);
    postgres.signal("SIGCONT");
    expect(code).toBe(0);
  });
});
