import { beforeEach, describe, expect, test } from "vitest";
import { SharedTimelines } from "../../../src/daemon/database/shared-timelines.ts";
import { DatabaseError, type Row } from "../../../src/daemon/database/sql.ts";
import type { StreamedEvent } from "../../../src/http/admin/context.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { OtherBoots } from "../../../src/timeline/elsewhere/other-boots.ts";
import { statesOf } from "../../support/other-server.ts";

/* By statements that are noted; those of a real database are in test/ha/timelines.test.ts. */

const wallMs = Date.parse("2026-03-06T10:00:00Z");
const macOf = (n: number) =>
  `52:54:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
const machine = (n: number) => ({ mac: macOf(n), address: null });

interface Told {
  readonly kind: "boots" | "events" | "other";
  readonly rows: readonly {
    readonly boot: string;
    readonly body?: string;
    readonly state?: string;
  }[];
}

let nowMs: number;
let sessions: BootSessions;
let told: Told[];
let fails: Error | null;
let reasons: (string | null)[];
let shared: SharedTimelines;
let others: OtherBoots;
const at = () => ({ nowMs, wallMs: wallMs + nowMs });

beforeEach(() => {
  nowMs = 0;
  sessions = new BootSessions();
  told = [];
  fails = null;
  reasons = [];
  others = new OtherBoots("host-a");
  shared = open(sessions);
});

function open(of: BootSessions): SharedTimelines {
  const tell = (text: string, [first = "[]"]: readonly string[]): Promise<readonly Row[]> => {
    if (fails !== null) return Promise.reject(fails);
    told.push(statement(text, first));
    return Promise.resolve([]);
  };
  return new SharedTimelines({
    database: { server: "id-a", tell },
    name: "host-a",
    sessions: of,
    others,
    clock: { now: () => nowMs, wall: () => wallMs + nowMs },
    unusable: (reason) => void reasons.push(reason),
  });
}

function statement(text: string, first: string): Told {
  const table = /INTO (eim_pxe_boots|eim_pxe_boot_events) /.exec(text)?.[1];
  if (table === undefined) return { kind: "other", rows: [] };
  return { kind: table === "eim_pxe_boots" ? "boots" : "events", rows: JSON.parse(first) };
}

/** What the database says twice a second, so many milliseconds later. */
async function look(afterMs: number, isAll = false, rows: readonly object[] = []): Promise<void> {
  nowMs += afterMs;
  shared.bootsPart.news(rows, isAll, 0);
  await shared.settled();
}

const written = (kind: Told["kind"]) =>
  told.filter((one) => one.kind === kind).flatMap(({ rows }) => rows);

describe("timelines that several servers share", () => {
  test("are written once a second, each boot once however often it changed, with its events", async () => {
    for (const stage of ["discover", "offer", "script"] as const) {
      sessions.record(stage, machine(1), {}, at());
      sessions.observe({ event: "tftp-probe", ...machine(1), file: "x" }, at());
    }
    await look(1000);
    await look(400);
    expect(told.map(({ kind, rows }) => [kind, rows.length])).toEqual([
      ["boots", 1],
      ["events", 3],
      ["other", 0],
      ["other", 0],
    ]);
    expect(JSON.parse(written("boots")[0]?.state ?? "")).toMatchObject({ stage: "script" });
    sessions.record("kernel", machine(1), {}, at());
    await look(1000);
    expect(written("boots")).toHaveLength(2);
  });

  test("a storm is written in portions, and who does more than ask goes first", async () => {
    for (let n = 0; n < 200; n += 1) sessions.record("discover", machine(n), {}, at());
    sessions.record("script", machine(300), {}, at());
    await look(1000);
    const first = written("boots");
    expect(first.length).toBeLessThan(100);
    expect(first[0]?.boot).toContain(macOf(300));
    for (let turn = 0; turn < 10; turn += 1) await look(1000);
    expect(new Set(written("boots").map(({ boot }) => boot)).size).toBe(201);
  });

  test("what waits for a database that is away is bounded, and is written when it is back", async () => {
    fails = new DatabaseError("away");
    for (let n = 0; n < 6000; n += 1) {
      sessions.record("script", machine(n), {}, at());
      sessions.observe({ event: "tftp-probe", ...machine(n), file: "x" }, at());
    }
    await look(1000);
    expect(told).toEqual([]);
    fails = null;
    for (let turn = 0; turn < 200; turn += 1) await look(1000);
    expect(written("boots").length).toBe(4000);
    expect(written("events").length).toBeLessThanOrEqual(8000);
    expect(written("boots").at(-1)?.boot).toContain(macOf(5999));
  });

  test("of one boot no more is written than a person reads, however much its machine logs", async () => {
    sessions.record("script", machine(1), {}, at());
    const from = { host: null, app: "x", procid: null, msgid: null, data: null } as const;
    const line = {
      event: "syslog",
      ...machine(1),
      ...from,
      facility: "user",
      severity: "info",
    } as const;
    for (let n = 0; n < 1000; n += 1) {
      sessions.observe({ ...line, text: `line ${n}` }, at());
      sessions.observe({ event: "tftp-probe", ...machine(1), file: `${n}` }, at());
    }
    for (let turn = 0; turn < 10; turn += 1) await look(1000);
    expect(written("events")).toHaveLength(170);
  });

  test("what the database refuses for what it is is not tried for ever", async () => {
    sessions.record("script", machine(1), {}, at());
    fails = Object.assign(new Error("permission denied"), { code: "42501" });
    await look(1000);
    fails = null;
    await look(1000);
    expect(written("boots")).toEqual([]);
    sessions.record("kernel", machine(1), {}, at());
    await look(1000);
    expect(written("boots")).toHaveLength(1);
  });

  test("nothing is written in a session in which the tables cannot be used", async () => {
    shared.bootsPart.needs?.unusable("permission denied");
    sessions.record("script", machine(1), {}, at());
    await look(1000);
    expect([told, reasons]).toEqual([[], ["permission denied"]]);
    shared.bootsPart.needs?.unusable(null);
    await look(1000);
    expect(written("boots")).toHaveLength(1);
  });

  test("what was seen before the database was there is written, with its events, unless it is there", async () => {
    for (const n of [1, 2, 3]) {
      nowMs += 2 * 3_600_000;
      sessions.record("script", machine(n), {}, at());
      sessions.observe({ event: "tftp-probe", ...machine(n), file: "x" }, at());
    }
    const [third, second, first] = sessions.list();
    // Over boots that were there before it; the third one may have gone on when the server crashed.
    shared = open(sessions);
    const there = [first, third].map((boot) => ({
      server: "id-a",
      name: "",
      boot: boot?.id,
      state: "",
    }));
    await look(1000, true, there);
    expect(written("boots").map(({ boot }) => boot)).toEqual([third?.id, second?.id]);
    expect(written("events").map(({ boot }) => boot)).toEqual([third?.id, second?.id]);
  });

  test("what another server wrote is taken up, what this one wrote itself is not, and what is no row is left out", async () => {
    const there = new BootSessions();
    there.record("script", machine(7), {}, at());
    const [state] = statesOf(there, "id-b", "host-b", at());
    const row = { server: "id-b", name: "host-b", boot: "x", state: state?.state };
    await look(0, false, [row, { ...row, server: "id-a" }, { server: 7 }, { ...row, state: "{}" }]);
    expect(others.servers.map(({ id, sessions: theirs }) => [id, theirs.list().length])).toEqual([
      ["id-b", 1],
    ]);
  });

  test("events of others are told once, with their server's name, and only those that are events", async () => {
    const there = new BootSessions();
    there.record("script", machine(7), {}, at());
    const [state] = statesOf(there, "id-b", "host-b", at());
    await look(0, false, [{ server: "id-b", name: "host-b", boot: "x", state: state?.state }]);
    const heard: StreamedEvent[] = [];
    shared.subscribe((one) => void heard.push(one));
    const row = { server: "id-b", boot: "x", number: 1, body: '{"event":"script","mac":"m"}' };
    const rows = [
      row,
      row,
      { ...row, number: 2, body: '{"event":"nobody knows"}' },
      { ...row, number: 3, body: "[" },
      { ...row, number: 4, server: "unknown" },
    ];
    shared.eventsPart.news(rows, false, 0);
    shared.eventsPart.news(rows, false, 0);
    expect(heard).toEqual([{ event: "script", mac: "m", server: "host-b" }]);
  });

  test("events that cannot be read are none", async () => {
    fails = new DatabaseError("away");
    expect(await shared.eventsOf("id-b", "x")).toEqual([]);
  });
});
