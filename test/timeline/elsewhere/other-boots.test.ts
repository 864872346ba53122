import { describe, expect, test } from "vitest";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { MOST_BOOTS, OtherBoots } from "../../../src/timeline/elsewhere/other-boots.ts";
import { statesOf } from "../../support/other-server.ts";

const wallMs = Date.parse("2026-03-06T10:00:00Z");
const there = (ms: number) => ({ nowMs: 500 + ms, wallMs: wallMs + ms });
const here = (ms: number) => ({ nowMs: 90_000 + ms, wallMs: wallMs + ms });
const macOf = (n: number) =>
  `52:54:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
const machine = (n: number) => ({ mac: macOf(n), address: null });

describe("the boots of other servers", () => {
  test("have their times by the clock here, and go on under one number", () => {
    const sessions = new BootSessions();
    sessions.record("discover", machine(1), {}, there(0));
    const others = new OtherBoots("host-a");
    others.take(statesOf(sessions, "id-b", "host-b", there(100)), here(100));
    const [server] = others.servers;
    const before = server?.sessions.latest(machine(1));
    expect(before).toMatchObject({ startedAtMs: 90_000, startedWallMs: wallMs, stage: "discover" });
    sessions.record("script", machine(1), {}, there(5000));
    others.take(statesOf(sessions, "id-b", "host-b", there(5000)), here(5000));
    const after = server?.sessions.latest(machine(1));
    expect(after).toMatchObject({ number: before?.number, stage: "script", updatedAtMs: 95_000 });
    expect(server?.sessions.list()).toHaveLength(1);
  });

  test("are in the order in which they began, whatever the order of the rows", () => {
    const sessions = new BootSessions();
    for (const n of [1, 2, 3]) sessions.record("discover", machine(n), {}, there(n * 10));
    const states = statesOf(sessions, "id-b", "host-b", there(100));
    const others = new OtherBoots("host-a");
    others.take([...states].toReversed(), here(100));
    expect(others.servers[0]?.sessions.list().map(({ mac }) => mac)).toEqual([3, 2, 1].map(macOf));
  });

  test("of servers with one name, or with this one's, are told apart", () => {
    const sessions = new BootSessions();
    sessions.record("discover", machine(1), {}, there(0));
    const others = new OtherBoots("host-a");
    for (const [id, name] of [
      ["11111111-1", "host-a"],
      ["22222222-2", "host-b"],
      ["33333333-3", "host-b"],
    ] as const) {
      others.take(statesOf(sessions, id, name, there(1)), here(1));
    }
    expect(others.servers.map(({ name }) => name)).toEqual([
      "host-a-11111111",
      "host-b",
      "host-b-33333333",
    ]);
  });

  test("are bounded in number, of whatever many servers, and what is no boot is left out", () => {
    const sessions = new BootSessions();
    for (let n = 0; n < MOST_BOOTS + 50; n += 1) {
      sessions.record("script", machine(n), {}, there(n));
    }
    const others = new OtherBoots("host-a");
    others.take(statesOf(sessions, "id-b", "host-b", there(9000)), here(9000));
    expect(others.servers[0]?.sessions.list()).toHaveLength(MOST_BOOTS);
    const [one] = statesOf(sessions, "id", "name", there(9000));
    for (let n = 0; n < 30; n += 1) {
      others.take([{ server: `id-${n}`, name: `host-${n}`, state: one?.state ?? "" }], here(9000));
    }
    expect(others.servers.length).toBeLessThan(10);
    for (const state of ["", "null", "{}", '{"id":1}', "[", "x".repeat(1000)]) {
      others.take([{ server: "id-b", name: "host-b", state }], here(9000));
    }
    expect(others.servers[0]?.sessions.list()).toHaveLength(MOST_BOOTS);
  });

  test("of a server whose clock is ahead do not lie in the future", () => {
    const sessions = new BootSessions();
    sessions.record("discover", machine(1), {}, there(3_600_000));
    const others = new OtherBoots("host-a");
    others.take(statesOf(sessions, "id-b", "host-b", there(3_600_000)), here(0));
    const boot = others.servers[0]?.sessions.latest(machine(1));
    expect(boot?.updatedAtMs).toBeLessThanOrEqual(90_000);
  });
});
