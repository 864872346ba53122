import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Database } from "../../src/daemon/database/database.ts";
import { connectBy } from "../../src/daemon/database/driver.ts";
import { SharedLeases } from "../../src/daemon/database/shared-leases.ts";
import { SharedTimelines } from "../../src/daemon/database/shared-timelines.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import type { StreamedEvent } from "../../src/http/admin/context.ts";
import { SteadyClock, systemClock } from "../../src/lib/clock.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { OtherBoots } from "../../src/timeline/elsewhere/other-boots.ts";
import { eventually } from "../support/eventually.ts";
import { Postgres, postgresMissing } from "../support/postgres.ts";

/* The timelines of two servers in the PostgreSQL of the distribution. */

const missing = postgresMissing();
const clock = new SteadyClock(systemClock);
const machine = (n: number) => ({ mac: `52:54:00:00:00:0${n}`, address: `10.77.0.${n}` });
const now = () => ({ nowMs: clock.now(), wallMs: clock.wall() });

class Server {
  readonly sessions = new BootSessions();
  readonly others: OtherBoots;
  readonly heard: StreamedEvent[] = [];
  readonly events: PxeEvent[] = [];
  readonly reasons: (string | null)[] = [];
  readonly database: Database;
  readonly leases: SharedLeases;
  readonly timelines: SharedTimelines;

  /** `knowsTimelines`: false is a server of before. */
  constructor(name: string, urlFile: string, knowsTimelines = true) {
    this.others = new OtherBoots(name);
    this.database = new Database({
      connect: connectBy(urlFile),
      place: "the database",
      server: `id-${name}`,
      name,
      addresses: () => [],
      formerPeers: [],
      remember: () => {},
      emit: (event) => void this.events.push(event),
      clock,
    });
    const { database, sessions, others } = this;
    this.leases = new SharedLeases({ database, leases: new LeaseTable(), clock });
    database.share(this.leases);
    const unusable = (reason: string | null) => void this.reasons.push(reason);
    this.timelines = new SharedTimelines({ database, name, sessions, others, clock, unusable });
    this.timelines.subscribe((event) => void this.heard.push(event));
    if (!knowsTimelines) return;
    database.share(this.timelines.bootsPart);
    database.share(this.timelines.eventsPart);
  }

  /** A boot comes to its script, and says something. */
  boots(n: number): void {
    this.sessions.record("script", machine(n), {}, now());
    this.sessions.observe(
      { event: "tftp-probe", ...machine(n), file: `of ${n} \u0000 "quoted"` },
      now(),
    );
  }

  /** What this server knows of the others' boots: `SERVER MAC STAGE`. */
  known(): readonly string[] {
    return this.others.servers.flatMap(({ name, sessions }) =>
      sessions.list().map(({ mac, stage }) => `${name} ${mac} ${stage}`),
    );
  }

  async close(): Promise<void> {
    await this.leases.close();
    await this.database.close();
    await this.timelines.settled();
  }
}

let postgres: Postgres;
const open: Server[] = [];

async function serve(name: string, urlFile = postgres.urlFile, knowsTimelines = true) {
  const server = new Server(name, urlFile, knowsTimelines);
  open.push(server);
  await server.database.start();
  return server;
}

const tables = "eim_pxe_boots, eim_pxe_boot_events";

beforeAll(async () => {
  if (missing === null) postgres = await Postgres.open();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
  if (missing === null) postgres.psql(`DROP TABLE IF EXISTS ${tables}`);
});
afterAll(() => postgres?.close());

describe.skipIf(missing !== null)(`shared timelines${missing ? ` (${missing})` : ""}`, () => {
  test("each server sees the other one's boots as they go on, and its events, and none of its own twice", async () => {
    const [a, b] = await Promise.all([serve("a"), serve("b")]);
    a.boots(1);
    b.boots(2);
    await eventually(() => {
      expect([a.known(), b.known()]).toEqual([
        [`b ${machine(2).mac} script`],
        [`a ${machine(1).mac} script`],
      ]);
      expect(a.heard).toMatchObject([{ event: "tftp-probe", mac: machine(2).mac, server: "b" }]);
    });
    b.sessions.record("kernel", machine(2), {}, now());
    await eventually(() => expect(a.known()).toEqual([`b ${machine(2).mac} kernel`]));
    const id = b.sessions.latest(machine(2))?.id ?? "";
    const [event = "", ...more] = await a.timelines.eventsOf("id-b", id);
    expect([JSON.parse(event), more]).toMatchObject([{ file: 'of 2 \u0000 "quoted"' }, []]);
    expect(a.heard).toHaveLength(1);
    expect([a.reasons, b.reasons]).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  test("a server that starts later, or anew, sees what was, and writes what it saw before", async () => {
    const a = await serve("a");
    a.boots(1);
    await eventually(() => expect(postgres.psql("SELECT boot FROM eim_pxe_boots")).not.toBe(""));
    const b = new Server("b", postgres.urlFile);
    open.push(b);
    b.boots(2);
    await b.database.start();
    expect(b.known()).toEqual([`a ${machine(1).mac} script`]);
    await eventually(() => expect(a.known()).toEqual([`b ${machine(2).mac} script`]));
    expect(
      await a.timelines.eventsOf("id-b", b.sessions.latest(machine(2))?.id ?? ""),
    ).toHaveLength(1);
  });

  test("the database away costs nothing but news, which come when it is back", async () => {
    const [a, b] = await Promise.all([serve("a"), serve("b")]);
    a.boots(1);
    await eventually(() => expect(b.known()).toHaveLength(1));
    await postgres.kill();
    await eventually(() =>
      expect([a, b].map(({ database }) => database.isUsable)).toEqual([false, false]),
    );
    a.boots(3);
    expect(b.known()).toEqual([`a ${machine(1).mac} script`]);
    expect(await b.timelines.eventsOf("id-a", a.sessions.latest(machine(1))?.id ?? "")).toEqual([]);
    await postgres.start();
    await eventually(() => expect(b.known()).toContain(`a ${machine(3).mac} script`));
  });

  test("a database of before gets its tables, and a server of before works on beside a new one", async () => {
    const old = await serve("old", postgres.urlFile, false);
    const count = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'eim_pxe_boot%'";
    expect(postgres.psql(count)).toBe("0");
    const a = await serve("a");
    a.boots(1);
    await eventually(() => expect(postgres.psql("SELECT count(*) FROM eim_pxe_boots")).toBe("1"));
    const later = await serve("older", postgres.urlFile, false);
    expect([old, a, later].map(({ database }) => database.problem)).toEqual([null, null, null]);
    expect(postgres.psql("SELECT version FROM eim_pxe_schema")).toBe("1");
  });

  test("a user who may make no tables shares leases, is told that timelines are not, and loses no session by it", async () => {
    await serve("a");
    postgres.psql(`DROP TABLE ${tables}`);
    postgres.psql(`DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
      GRANT ALL ON ALL TABLES IN SCHEMA public TO reader; REVOKE CREATE ON SCHEMA public FROM PUBLIC, reader`);
    const urlFile = join(postgres.folder, "reader.url");
    writeFileSync(urlFile, `${postgres.url.replace("postgres@", "reader@")}\n`, { mode: 0o600 });
    await open.splice(0).at(0)?.close();
    const b = await serve("b", urlFile);
    expect(b.reasons.at(-1)).toContain("permission denied");
    b.boots(2);
    await eventually(() => expect(b.database.isUsable).toBe(true));
    expect(b.events.map(({ event }) => event)).toEqual(["database-back"]);
  });

  test("a server keeps a bounded number of its boots there, and their events alone", async () => {
    await serve("a");
    postgres.psql(`INSERT INTO eim_pxe_boots SELECT 'id-b', 'boot ' || n, 'b', n % 2 = 0, '{}',
        now() - n * interval '1 second', pg_current_xact_id() FROM generate_series(1, 9000) n;
      INSERT INTO eim_pxe_boots VALUES ('id-gone', 'x', 'gone', false, '{}', now() - interval '8 days', pg_current_xact_id());
      INSERT INTO eim_pxe_boot_events SELECT 'id-b', 'boot ' || n, 1, '{}', pg_current_xact_id() FROM generate_series(1, 9000) n`);
    const b = await serve("b");
    b.boots(2);
    const kept =
      "SELECT asked, count(*) FROM eim_pxe_boots WHERE server = 'id-b' GROUP BY asked ORDER BY asked";
    await eventually(() => {
      expect(postgres.psql(kept).split("\n")).toEqual(["f|2000", "t|500"]);
      expect(postgres.psql("SELECT count(*) FROM eim_pxe_boots WHERE server = 'id-gone'")).toBe(
        "0",
      );
      expect(postgres.psql("SELECT count(*) FROM eim_pxe_boot_events WHERE server = 'id-b'")).toBe(
        "2500",
      );
    });
  });
});
