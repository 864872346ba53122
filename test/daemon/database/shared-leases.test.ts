import { describe, expect, test } from "vitest";
import { lostLeases, readLeaseRows } from "../../../src/daemon/database/lease-rows.ts";
import { SharedLeases } from "../../../src/daemon/database/shared-leases.ts";
import type { Row } from "../../../src/daemon/database/sql.ts";
import { LeaseTakenError } from "../../../src/dhcp/leases/lease-store.ts";
import { type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";

const nowMs = 1_800_000_000_000;
const network = "192.168.77.0/24";

function leaseOf(mac: string, address: string, changes: Partial<Lease> = {}): Lease {
  return {
    mac,
    address,
    network,
    state: "bound",
    startedAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
    hostname: null,
    clientId: null,
    ...changes,
  };
}

function rowOf(mac: string, address: string, changes: object = {}) {
  return {
    address,
    network,
    mac,
    state: "bound",
    age_ms: 0,
    left_ms: 60_000,
    hostname: null,
    client_id: null,
    version: "7",
    ...changes,
  };
}

const [a, b] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];
const [first, second] = ["192.168.77.20", "192.168.77.21"];

type Answer = (wanted: readonly Readonly<Record<string, unknown>>[]) => readonly Row[];

/** The store over a double of the database that answers each statement as it is told. */
function site(...answers: Answer[]) {
  const asked: (readonly Readonly<Record<string, unknown>>[])[] = [];
  const leases = new LeaseTable();
  const database = {
    isUsable: true,
    place: "the database",
    server: "here",
    query: (_text: string, [wanted = "[]"]: readonly string[]): Promise<readonly Row[]> => {
      const rows = JSON.parse(wanted);
      asked.push(rows);
      const answer = answers.shift() ?? put("8");
      return Promise.resolve().then(() => answer(rows));
    },
  };
  const clock = { now: () => nowMs, wall: () => nowMs };
  return { store: new SharedLeases({ database, leases, clock }), leases, asked, database };
}

function put(version: string): Answer {
  return (wanted) =>
    wanted.map(({ address }) => ({ outcome: "put", wanted: address, row: null, version }));
}

function failing(code: string): Answer {
  return () => {
    throw Object.assign(new TypeError("the database says no"), { code });
  };
}

describe("leases in a shared database", () => {
  test("what comes together is one statement, and no address is in it twice", async () => {
    const { store, asked } = site();
    await Promise.all([
      store.append(leaseOf(a, first)),
      store.append(leaseOf(b, second)),
      store.append(leaseOf(a, first, { state: "released" })),
      store.append(leaseOf(b, "192.168.77.22")),
    ]);
    expect(asked.map((rows) => rows.map(({ address }) => address))).toEqual([
      [first, second],
      [first, "192.168.77.22"],
    ]);
    // The second lease of the machine ends the first one, which is named by its version.
    expect(asked[1]?.[1]).toMatchObject({ own: "8", known: null });
    expect(store.written.at(second)).toBeNull();
  });

  test("what another server holds is known when the lease is refused", async () => {
    const held = {
      outcome: "held",
      wanted: first,
      row: JSON.stringify(rowOf(b, first)),
      version: "7",
    };
    const { store } = site(() => [held]);
    await expect(store.append(leaseOf(a, first))).rejects.toThrow(
      `another server gave ${first} to ${b}`,
    );
    expect(store.written.at(first)?.mac).toBe(b);
  });

  test("a row that shows only after the statement is asked for again, a statement in another's way is sent again", async () => {
    const { store, asked } = site(() => [], failing("23505"), failing("40P01"), put("9"));
    await store.append(leaseOf(a, first));
    expect(asked).toHaveLength(4);
    const always = site(...Array.from({ length: 10 }, () => () => []));
    await expect(always.store.append(leaseOf(a, first))).rejects.toBeInstanceOf(LeaseTakenError);
    expect(always.asked).toHaveLength(6);
  });

  test("an error of another kind refuses the lease, and while the database is away nothing is asked", async () => {
    const { store, asked, database } = site(failing("53100"));
    await expect(store.append(leaseOf(a, first))).rejects.toThrow("the database says no");
    database.isUsable = false;
    await expect(store.append(leaseOf(a, first))).rejects.toThrow("the database cannot be used");
    expect(asked).toHaveLength(1);
    expect(store.mayLackLeases()).toBe(true);
    expect(await store.isWritable()).toBe(false);
  });

  test("news of other servers is taken up, but not over what is being written here", async () => {
    const { store, leases } = site();
    store.news([rowOf(b, second), { nonsense: true }], true, nowMs);
    expect(leases.at(second)).toMatchObject({ mac: b, expiresAtMs: nowMs + 60_000 });
    const mine = leaseOf(a, first);
    leases.restore(mine);
    const writing = store.append(mine);
    store.news([rowOf(b, first, { version: "7" })], false, nowMs);
    expect(leases.at(first)).toBe(mine);
    await writing;
    // What is known already changes nothing.
    store.news([rowOf(a, first, { version: "8", left_ms: 1 })], false, nowMs);
    expect(leases.at(first)?.expiresAtMs).toBe(nowMs + 60_000);
  });

  test("leases that the database has lost, or has as they were before, are written anew; no others", () => {
    const written = new LeaseTable();
    const number = (index: number) => leaseOf(`52:54:00:00:00:1${index}`, `192.168.77.3${index}`);
    const [lost, older, moved, over, released] = [
      number(0),
      number(1),
      number(2),
      number(3),
      number(4),
    ];
    const all = [
      lost,
      older,
      moved,
      { ...over, expiresAtMs: nowMs },
      { ...released, state: "released" as const },
    ];
    for (const lease of all) written.restore(lease);
    const versions = new Map(all.map(({ address }) => [address, "5"]));
    const rows = readLeaseRows([
      rowOf(older.mac, older.address, { left_ms: 10_000, version: "4" }),
      rowOf(moved.mac, "192.168.77.99"),
    ]);
    expect(lostLeases(written, versions, rows, nowMs)).toEqual([lost, older]);
  });
});
