import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Database } from "../../src/daemon/database/database.ts";
import { connectBy } from "../../src/daemon/database/driver.ts";
import { SharedDecisions } from "../../src/daemon/database/shared-decisions.ts";
import { SharedLeases } from "../../src/daemon/database/shared-leases.ts";
import { LeaseTakenError } from "../../src/dhcp/leases/lease-store.ts";
import { type Lease, LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { SteadyClock, systemClock } from "../../src/lib/clock.ts";
import { ip4FromNumber, ip4ToNumber } from "../../src/lib/ip4.ts";
import { createInventory } from "../../src/nodes/inventory.ts";
import { NodeRegister } from "../../src/nodes/node-register.ts";
import { eventually } from "../support/eventually.ts";
import { Postgres, postgresMissing } from "../support/postgres.ts";

/* The leases that two servers share, in a PostgreSQL of the distribution. */

const missing = postgresMissing();
const network = "10.77.0.0/16";
const clock = new SteadyClock(systemClock);

function leaseOf(mac: string, address: string, changes: Partial<Lease> = {}): Lease {
  const nowMs = clock.wall();
  return {
    mac,
    address,
    network,
    state: "bound",
    startedAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    hostname: null,
    clientId: null,
    ...changes,
  };
}

function macOf(number: number): string {
  return `52:54:00:00:00:${number.toString(16).padStart(2, "0")}`;
}

function addressOf(number: number): string {
  return ip4FromNumber(ip4ToNumber("10.77.4.0") + number);
}

class Server {
  readonly leases = new LeaseTable();
  readonly events: PxeEvent[] = [];
  /** Addresses of the others, as they are kept for the next start. */
  remembered: readonly string[] = [];
  readonly database: Database;
  readonly store: SharedLeases;
  readonly register = new NodeRegister(createInventory([]));
  readonly decisions: SharedDecisions;

  constructor(name: string, urlFile: string) {
    this.database = new Database({
      connect: connectBy(urlFile),
      place: "the database",
      server: name,
      name,
      addresses: () => [`10.77.0.${name.length}`],
      formerPeers: [],
      remember: (addresses) => {
        this.remembered = addresses;
      },
      emit: (event) => void this.events.push(event),
      clock,
    });
    const { database, leases } = this;
    this.store = new SharedLeases({ database, leases, clock });
    database.share(this.store);
    this.decisions = new SharedDecisions({ database, register: this.register, changed: () => {} });
    database.share(this.decisions);
  }

  /** As the server does it: in memory first. */
  async append(lease: Lease): Promise<void> {
    this.leases.restore(lease);
    await this.store.append(lease).catch((error: unknown) => {
      this.leases.revert(lease, this.store.written);
      throw error;
    });
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.database.close();
  }
}

let postgres: Postgres;
const open: Server[] = [];

async function serve(name: string): Promise<Server> {
  const server = new Server(name, postgres.urlFile);
  open.push(server);
  await server.database.start();
  return server;
}

beforeAll(async () => {
  if (missing === null) postgres = await Postgres.open();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
  if (missing === null) postgres.psql("DELETE FROM eim_pxe_leases; DELETE FROM eim_pxe_servers");
});
afterAll(() => postgres?.close());

describe.skipIf(missing !== null)(`shared leases${missing ? ` (${missing})` : ""}`, () => {
  test("two servers that want the same addresses for other machines at once: each has one holder", async () => {
    const servers = await Promise.all([serve("a"), serve("bb")]);
    const granted: { address: string; mac: string }[] = [];
    const outcomes = await Promise.all(
      Array.from({ length: 400 }, async (_, index) => {
        const server = servers[index % 2];
        const lease = leaseOf(macOf((index * 7) % 97), addressOf((index * 5) % 61));
        try {
          await server?.append(lease);
          granted.push(lease);
          return "granted";
        } catch (error) {
          return error instanceof LeaseTakenError ? "taken" : error;
        }
      }),
    );
    expect(new Set(outcomes)).toEqual(new Set(["granted", "taken"]));
    const rows = postgres
      .psql("SELECT host(address), mac FROM eim_pxe_leases ORDER BY address")
      .split("\n");
    expect(new Set(rows.map((row) => row.split("|")[0])).size).toBe(rows.length);
    expect(new Set(rows.map((row) => row.split("|")[1])).size).toBe(rows.length);
    // Whoever has an address now was granted it.
    for (const row of rows) {
      const [address = "", mac = ""] = row.split("|");
      expect(granted).toContainEqual(expect.objectContaining({ address, mac }));
    }
    await eventually(() => {
      for (const { leases } of servers) {
        const known = leases.all().map(({ address, mac }) => `${address}|${mac}`);
        expect(new Set(known)).toEqual(new Set(rows));
      }
    });
  });

  test("a conflict check that finds the machine itself ends no lease that another server gave it just now", async () => {
    const [a, b] = [await serve("a"), await serve("bb")];
    const lease = leaseOf(macOf(1), addressOf(1));
    await a.append(lease);
    // Before it has heard of that, or after: through a relay agent nobody sees whose answer to a ping it is.
    for (let time = 0; time < 2; time++) {
      const inUse = b.append({ ...lease, state: "in-use" });
      await expect(inUse).rejects.toThrow(LeaseTakenError);
      expect(b.leases.at(addressOf(1))).toMatchObject({ mac: macOf(1), state: "bound" });
    }
    expect(postgres.psql("SELECT state FROM eim_pxe_leases")).toBe("bound");
    // The machine itself may decline it.
    await b.append({ ...lease, state: "declined" });
    expect(postgres.psql("SELECT state FROM eim_pxe_leases")).toBe("declined");
  });

  test("what one server leases the other one knows; quarantines and what was given back, too", async () => {
    const [a, b] = [await serve("a"), await serve("bb")];
    await a.append(leaseOf(macOf(1), addressOf(1), { hostname: "node", clientId: "01aa" }));
    await a.append(leaseOf(macOf(2), addressOf(2), { state: "in-use" }));
    await eventually(() => expect(b.leases.at(addressOf(2))?.state).toBe("in-use"));
    const known = b.leases.at(addressOf(1));
    expect(known).toMatchObject({
      mac: macOf(1),
      network,
      state: "bound",
      hostname: "node",
      clientId: "01aa",
    });
    expect(Math.abs((known?.expiresAtMs ?? 0) - clock.wall() - 3_600_000)).toBeLessThan(600_000);
    // The machine renews with the other server, and gives it back there.
    await b.append(leaseOf(macOf(1), addressOf(1)));
    await b.append(
      leaseOf(macOf(1), addressOf(1), { state: "released", expiresAtMs: clock.wall() }),
    );
    // A quarantine ends where it is known.
    await b.append(leaseOf(macOf(2), addressOf(2), { state: "in-use", expiresAtMs: clock.wall() }));
    await eventually(() => expect(a.leases.at(addressOf(1))?.state).toBe("released"));
    await a.append(leaseOf(macOf(3), addressOf(1)));
    await a.append(leaseOf(macOf(4), addressOf(2)));
    await eventually(() => expect(b.leases.at(addressOf(1))?.mac).toBe(macOf(3)));
    expect(b.database.peers.map(({ name }) => name)).toEqual(["a"]);
    expect(b.database.isPeer("10.77.0.1")).toBe(true);
    expect(b.database.isPeer("10.77.0.9")).toBe(false);
    expect(b.remembered).toEqual(["10.77.0.1"]);
  });

  test("a machine has one lease in a network: it moves where that is known, and else keeps the first", async () => {
    const [a, b] = [await serve("a"), await serve("bb")];
    await a.append(leaseOf(macOf(1), addressOf(1)));
    await expect(b.append(leaseOf(macOf(1), addressOf(2)))).rejects.toBeInstanceOf(LeaseTakenError);
    expect(b.leases.at(addressOf(1))?.mac).toBe(macOf(1));
    expect(b.leases.at(addressOf(2))).toBeNull();
    await b.append(leaseOf(macOf(1), addressOf(2)));
    expect(postgres.psql("SELECT host(address) FROM eim_pxe_leases")).toBe(addressOf(2));
    await eventually(() => expect(a.leases.at(addressOf(1))).toBeNull());
  });

  test("the database is killed: nothing is written, it is said once, and all is known when it is back", async () => {
    const [a, b] = [await serve("a"), await serve("bb")];
    await a.append(leaseOf(macOf(1), addressOf(1)));
    await postgres.kill();
    await eventually(async () => expect(await a.store.isWritable()).toBe(false));
    expect(a.store.mayLackLeases()).toBe(true);
    await expect(a.append(leaseOf(macOf(2), addressOf(2)))).rejects.toThrow("cannot be used");
    expect(a.store.written.at(addressOf(1))?.mac).toBe(macOf(1));
    expect(a.leases.at(addressOf(2))).toBeNull();
    await postgres.start();
    await eventually(() =>
      expect([a, b].map(({ database }) => database.problem)).toEqual([null, null]),
    );
    await a.append(leaseOf(macOf(2), addressOf(2)));
    await eventually(() => expect(b.leases.at(addressOf(2))?.mac).toBe(macOf(2)));
    const said = a.events.map(({ event }) => event);
    expect(said.at(0)).toBe("database-back");
    expect(said).toContain("database-away");
    expect(said.at(-1)).toBe("database-back");
  });

  test("leases that the database has lost are written anew, as they were acknowledged", async () => {
    const a = await serve("a");
    await a.append(leaseOf(macOf(1), addressOf(1)));
    await a.append(leaseOf(macOf(2), addressOf(2)));
    await postgres.kill();
    await eventually(() => expect(a.database.isUsable).toBe(false));
    // The server does not find it before a lease is gone.
    writeFileSync(postgres.urlFile, "postgres://postgres@/postgres?host=/nowhere");
    await postgres.start();
    postgres.psql(`DELETE FROM eim_pxe_leases WHERE mac = '${macOf(1)}'`);
    writeFileSync(postgres.urlFile, postgres.url);
    const b = await serve("bb");
    await eventually(() => expect(b.leases.at(addressOf(1))?.mac).toBe(macOf(1)));
    expect(b.leases.at(addressOf(2))?.mac).toBe(macOf(2));
  });

  test("what is decided at one server is known at the other one, and at one that starts later", async () => {
    const [a, b] = [await serve("a"), await serve("bb")];
    const match = { kind: "mac", value: macOf(1) } as const;
    const said = { by: "anna", at: new Date().toISOString() };
    const change = { netboot: "deny", name: 'it\'s "quoted"', address: addressOf(1) } as const;
    expect(await a.decisions.decided({ match, ...change, ...said })).toBeNull();
    await eventually(() => expect(b.register.reservedFor(addressOf(1))?.name).toBe(change.name));
    const c = await serve("ccc");
    expect(c.register.wordFor({ mac: macOf(1), uuid: null, serial: null })).toMatchObject({
      netboot: "deny",
      by: "anna",
    });
  });

  test("a value that the database does not take refuses its lease, and the database is in use as before", async () => {
    const a = await serve("a");
    const bad = leaseOf(macOf(1), addressOf(1), { hostname: "\u0000" });
    // What comes with it is one statement at first.
    const [refused, other] = await Promise.allSettled([
      a.append(bad),
      a.append(leaseOf(macOf(2), addressOf(2))),
    ]);
    expect(refused).toMatchObject({
      reason: { message: "unsupported Unicode escape sequence" },
    });
    expect(other.status).toBe("fulfilled");
    expect(a.database.isUsable).toBe(true);
  });

  test("tables of another version are left alone, and it is said which", async () => {
    const a = await serve("a");
    await a.close();
    open.splice(0);
    postgres.psql("INSERT INTO eim_pxe_schema VALUES ('2')");
    const b = await serve("bb");
    expect(b.database.isUsable).toBe(false);
    expect(b.database.problem).toContain("run the same version of eim-pxe on all servers");
    postgres.psql("DELETE FROM eim_pxe_schema WHERE version = '2'");
    await eventually(() => expect(b.database.isUsable).toBe(true));
  });
});
