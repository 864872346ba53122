import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../../../src/dhcp/leases/journal.ts";
import type { LeaseStore } from "../../../src/dhcp/leases/lease-store.ts";
import { encodeMoment, replayJournal } from "../../../src/dhcp/leases/journal-format.ts";
import { LeaseAdmin } from "../../../src/dhcp/leases/lease-admin.ts";
import { isActive, type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";
import { fullLink } from "../../support/dhcp.ts";
import { oldJournalLine } from "../../support/journal.ts";
import { cases } from "../../support/cases.ts";

/*
 * Field fault 17: the system's clock is set while leases run: from 1970 to the present by NTP after power-on, or by
 * an hour by somebody, before, between and after restarts of the program and of the host.
 */

const YEAR_MS = 365.25 * 86_400_000;
const HOUR_MS = 3_600_000;
const allSteps = [-50 * YEAR_MS, -HOUR_MS, HOUR_MS, 50 * YEAR_MS];

/** A host whose clock is set, and that is switched off and on. */
class Host {
  /** What time it really is, by no clock of this host. */
  trueMs = 0;
  #clockIsAheadMs = 1_770_000_000_000;
  #upSinceMs = -5000;
  #starts = 1;

  readonly clock = { now: () => this.trueMs, wall: () => this.trueMs + this.#clockIsAheadMs };

  set(byMs: number): void {
    this.#clockIsAheadMs += byMs;
  }

  /** Off for a while; without a battery the clock starts in 1970 then. */
  restart(offMs: number, hasBattery: boolean): void {
    this.trueMs += offMs;
    this.#upSinceMs = this.trueMs;
    this.#starts += 1;
    if (!hasBattery) this.#clockIsAheadMs = -this.trueMs;
  }

  steadyClock(): SteadyClock {
    const bootId = `start ${this.#starts}`;
    return new SteadyClock(this.clock, { bootId, upMs: () => this.trueMs - this.#upSinceMs });
  }
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-clock-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The program: its leases, its journal, and what it looks at each second. */
class Server {
  readonly host: Host;
  readonly dataDir: string;
  leases = new LeaseTable();
  clock: SteadyClock;
  /** What it found at its start. */
  stepMs = 0;
  #journal: LeaseStore | null = null;
  readonly #killed: LeaseStore[] = [];

  constructor(host: Host, dataDir = folder) {
    this.host = host;
    this.dataDir = dataDir;
    this.clock = host.steadyClock();
  }

  async start(): Promise<this> {
    this.leases = new LeaseTable();
    this.clock = this.host.steadyClock();
    const { dataDir, leases, clock } = this;
    const { journal, replay } = await openJournal({ dataDir, leases, clock });
    this.#journal = journal;
    this.stepMs = replay.stepMs;
    return this;
  }

  /** Time passes while it runs; it looks at the clock, as `watchClock` does. */
  async run(ms: number): Promise<void> {
    this.host.trueMs += ms;
    if (this.clock.followStep() !== 0) await this.#journal?.noteClock();
  }

  /** Leases an address for an hour, unless another machine has it. */
  async lease(mac: string, address = "192.168.77.100"): Promise<boolean> {
    const nowMs = this.clock.wall();
    const holder = this.leases.at(address);
    if (holder !== null && holder.mac !== mac && isActive(holder, nowMs)) return false;
    const times = { startedAtMs: nowMs, expiresAtMs: nowMs + HOUR_MS };
    const rest = { hostname: null, clientId: null, network: `${address}/32` };
    const lease: Lease = { mac, address, state: "bound", ...times, ...rest };
    this.leases.put(lease, nowMs);
    await this.#journal?.append(lease);
    return true;
  }

  /** What is left of the lease of an address; 0 when it is free. */
  leftMs(address = "192.168.77.100"): number {
    const lease = this.leases.at(address);
    return lease === null ? 0 : Math.max(0, lease.expiresAtMs - this.clock.wall());
  }

  async stop(how: "stop" | "kill" = "stop"): Promise<void> {
    if (how === "stop") await this.#journal?.close();
    else if (this.#journal !== null) this.#killed.push(this.#journal);
    this.#journal = null;
  }

  /** At the end: closes the files of those that were killed, too. */
  async close(): Promise<void> {
    await this.stop();
    for (const journal of this.#killed) await journal.close();
  }
}

const minutes = (count: number) => count * 60_000;

describe.each(allSteps)("field fault 17: the clock is set by %i ms", (stepMs) => {
  test.each(["stop", "kill"] as const)(
    "while it runs, and a restart after it (%s)",
    async (how) => {
      const host = new Host();
      const server = await new Server(host).start();
      await server.lease("a");
      await server.run(minutes(10));
      host.set(stepMs);
      // Also before it has looked.
      expect(server.leftMs()).toBe(minutes(50));
      expect(await server.lease("b")).toBe(false);
      await server.run(1000);
      expect(server.leftMs()).toBe(minutes(50) - 1000);
      await server.stop(how);
      await server.start();
      expect([server.leftMs(), server.stepMs]).toEqual([minutes(50) - 1000, 0]);
      expect(await server.lease("b")).toBe(false);
      await server.run(minutes(50));
      expect(server.leftMs()).toBe(0);
      expect(await server.lease("b")).toBe(true);
      await server.close();
    },
  );

  test.each(["stop", "kill"] as const)("while it is stopped (%s)", async (how) => {
    const host = new Host();
    const server = await new Server(host).start();
    await server.lease("a");
    await server.run(minutes(10));
    await server.stop(how);
    host.trueMs += minutes(10);
    host.set(stepMs);
    await server.start();
    expect([server.leftMs(), server.stepMs]).toEqual([minutes(40), stepMs]);
    expect(await server.lease("b")).toBe(false);
    await server.run(minutes(40));
    expect(await server.lease("b")).toBe(true);
    await server.close();
  });

  test("before it was killed within the second in which nobody had looked", async () => {
    const host = new Host();
    const server = await new Server(host).start();
    await server.lease("a");
    host.set(stepMs);
    await server.lease("b", "192.168.77.101");
    await server.stop("kill");
    await server.start();
    expect([server.leftMs(), server.leftMs("192.168.77.101")]).toEqual([HOUR_MS, HOUR_MS]);
    await server.close();
  });

  test("what people see is by the system's clock", async () => {
    const host = new Host();
    const server = await new Server(host).start();
    const { leases, clock } = server;
    const parts = { leases, journal: null, links: () => [fullLink], emit: () => {}, clock };
    const admin = new LeaseAdmin(parts);
    await server.lease("a");
    host.set(stepMs);
    await server.run(0);
    const [shown] = admin.list();
    expect(shown?.expiresAtMs).toBe(host.clock.wall() + HOUR_MS);
    const imported = { mac: "b", address: "192.168.77.101", hostname: null, clientId: null };
    const times = { startedAtMs: host.clock.wall(), expiresAtMs: host.clock.wall() + 5000 };
    expect(await admin.import([{ ...imported, ...times }])).toEqual({ imported: 1, skipped: [] });
    expect(server.leftMs("192.168.77.101")).toBe(5000);
    expect((await admin.release("192.168.77.101"))?.expiresAtMs).toBe(host.clock.wall());
    await server.close();
  });
});

describe("field fault 17: a host without a battery for its clock", () => {
  test("starts in 1970 with a journal of 2026, gets the time, is restarted, and no lease ends or stays", async () => {
    const host = new Host();
    const server = await new Server(host).start();
    await server.lease("a");
    await server.run(minutes(20));
    await server.lease("b", "192.168.77.101");
    await server.stop("kill");
    host.restart(minutes(3), false);
    expect(host.clock.wall()).toBe(0);
    await server.start();
    // It was off for a time that nobody knows.
    expect([server.leftMs(), server.leftMs("192.168.77.101")]).toEqual([minutes(40), HOUR_MS]);
    expect(server.stepMs).toBeLessThan(-50 * YEAR_MS);
    await server.run(minutes(5));
    await server.lease("c", "192.168.77.102");
    host.set(56 * YEAR_MS);
    await server.run(1000);
    const left = [minutes(35) - 1000, minutes(55) - 1000, HOUR_MS - 1000];
    const shown = () => ["100", "101", "102"].map((n) => server.leftMs(`192.168.77.${n}`));
    expect(shown()).toEqual(left);
    await server.stop("kill");
    await server.start();
    expect(shown()).toEqual(left);
    await server.stop();
    host.restart(minutes(3), false);
    await server.start();
    expect(shown()).toEqual(left);
    await server.run(HOUR_MS);
    expect(shown()).toEqual([0, 0, 0]);
    await server.close();
  });

  test("a journal of 1970 is read with the right time", async () => {
    const host = new Host();
    host.restart(0, false);
    const server = await new Server(host).start();
    await server.lease("a");
    await server.stop("kill");
    host.restart(minutes(3), true);
    host.set(56 * YEAR_MS);
    await server.start();
    expect(server.leftMs()).toBe(HOUR_MS);
    await server.close();
  });
});

describe("field fault 17: a journal of an earlier version", () => {
  const old = (startedAtMs: number): Lease => ({
    mac: "a",
    address: "192.168.77.100",
    network: null,
    state: "bound",
    startedAtMs,
    expiresAtMs: startedAtMs + HOUR_MS,
    hostname: null,
    clientId: null,
  });
  const replayed = (lease: Lease, wallMs: number) =>
    replayJournal(new TextEncoder().encode(oldJournalLine(lease)), {
      bootId: "x",
      upMs: 1000,
      wallMs,
    });

  test("has its times by the system's clock, as that version had them", () => {
    const lease = old(1_770_000_000_000);
    expect(replayed(lease, lease.startedAtMs + 1000)).toMatchObject({ leases: [lease], stepMs: 0 });
  });

  test("read in 1970 begins again where its latest lease began", () => {
    const { leases, stepMs } = replayed(old(1_770_000_000_000), 30_000);
    expect(leases).toMatchObject([{ startedAtMs: 30_000, expiresAtMs: 30_000 + HOUR_MS }]);
    expect(stepMs).toBe(30_000 - 1_770_000_000_000);
  });

  test("keeps its lines when the new version goes on with it", () => {
    const lease = old(1_770_000_000_000);
    const clock = { bootId: "x", upMs: 1000, wallMs: lease.startedAtMs + 1000 };
    const text = oldJournalLine(lease) + encodeMoment(clock);
    const later = { bootId: "x", upMs: 2000, wallMs: clock.wallMs + 1000 + HOUR_MS };
    const { leases, stepMs } = replayJournal(new TextEncoder().encode(text), later);
    expect(leases[0]?.expiresAtMs).toBe(lease.expiresAtMs + HOUR_MS);
    expect(stepMs).toBe(HOUR_MS);
  });
});

const op = fc.oneof(
  fc.record({
    kind: fc.constant("lease" as const),
    mac: fc.constantFrom("a", "b", "c"),
    address: fc.constantFrom("192.168.77.100", "192.168.77.101"),
  }),
  fc.record({ kind: fc.constant("run" as const), ms: fc.integer({ min: 0, max: 2_000_000 }) }),
  fc.record({ kind: fc.constant("set" as const), byMs: fc.constantFrom(...allSteps) }),
  fc.record({
    kind: fc.constant("restart" as const),
    of: fc.constantFrom("program", "host", "host without a battery"),
    how: fc.constantFrom("stop" as const, "kill" as const),
    offMs: fc.integer({ min: 0, max: 2_000_000 }),
    byMs: fc.constantFrom(0, 0, ...allSteps),
  }),
);
type Op = typeof op extends fc.Arbitrary<infer Value> ? Value : never;

async function perform(server: Server, one: Op): Promise<boolean> {
  const { host } = server;
  switch (one.kind) {
    case "lease":
      return server.lease(one.mac, one.address);
    case "run":
      await server.run(one.ms);
      return false;
    case "set":
      host.set(one.byMs);
      return false;
    case "restart":
      await server.stop(one.how);
      if (one.of === "program") host.trueMs += one.offMs;
      else host.restart(one.offMs, one.of === "host");
      host.set(one.byMs);
      await server.start();
      return false;
  }
}

test("field fault 17: whatever is set and restarted, no address is given twice and none is held for ever", async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 14 }), async (ops) => {
      const host = new Host();
      const server = await new Server(host, join(folder, `${runs++}`)).start();
      const uses = new Map<string, { mac: string; untilMs: number }>();
      const wrongs: string[] = [];
      for (const one of ops) {
        const granted = await perform(server, one);
        for (const address of ["192.168.77.100", "192.168.77.101"]) {
          if (server.leftMs(address) > HOUR_MS) wrongs.push(`${address} is held for too long`);
        }
        if (one.kind !== "lease" || !granted) continue;
        const { mac, untilMs = 0 } = uses.get(one.address) ?? {};
        if (mac !== one.mac && untilMs > host.trueMs) wrongs.push(`${one.address} was ${mac}'s`);
        uses.set(one.address, { mac: one.mac, untilMs: host.trueMs + HOUR_MS });
      }
      await server.run(HOUR_MS);
      const left = ["192.168.77.100", "192.168.77.101"].map((address) => server.leftMs(address));
      await server.close();
      expect([wrongs, left]).toEqual([[], [0, 0]]);
    }),
    { numRuns: cases(120) },
  );
});
