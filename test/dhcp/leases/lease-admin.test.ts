import { beforeEach, describe, expect, test } from "vitest";
import { LeaseAdmin } from "../../../src/dhcp/leases/lease-admin.ts";
import { type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import type { LeaseStore } from "../../../src/dhcp/leases/lease-store.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";
import { SyncError } from "../../../src/lib/errors.ts";
import { ip4FromNumber, ip4ToNumber } from "../../../src/lib/ip4.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { atOnce } from "../../../src/lib/lists/turns.ts";
import { fullLink } from "../../support/dhcp.ts";

const nowMs = 1_800_000_000_000;
const [macA, macB] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];

function lease(mac: string, address: string, changes: Partial<Lease> = {}): Lease {
  const times = { startedAtMs: nowMs - 1000, expiresAtMs: nowMs + 1000 };
  const rest = { hostname: null, clientId: null, network: "192.168.77.0/24" };
  return { mac, address, state: "bound", ...times, ...rest, ...changes };
}

/** Counts how many leases were gone through and how many were looked up: the work of a question. */
class CountedLeases extends LeaseTable {
  passed = 0;
  lookedUp = 0;

  override *byAddress(): Iterable<readonly [address: number, lease: Lease]> {
    for (const entry of super.byAddress()) {
      this.passed += 1;
      yield entry;
    }
  }

  override atNumber(address: number): Lease | null {
    this.lookedUp += 1;
    return super.atNumber(address);
  }

  override all(): readonly Lease[] {
    this.passed += this.size;
    return super.all();
  }

  /** What `question` costs. */
  workOf(question: () => void): { readonly passed: number; readonly lookedUp: number } {
    const { passed, lookedUp } = this;
    question();
    return { passed: this.passed - passed, lookedUp: this.lookedUp - lookedUp };
  }
}

let leases: CountedLeases;
let events: PxeEvent[];
let full: boolean;
let links: readonly Link[];
let admin: LeaseAdmin;
beforeEach(() => {
  leases = new CountedLeases();
  events = [];
  full = false;
  links = [fullLink];
  const written = new LeaseTable();
  const journal: LeaseStore = {
    written,
    append: (one) =>
      full ? Promise.reject(new SyncError("no space")) : Promise.resolve(written.restore(one)),
    noteClock: () => Promise.resolve(),
    isWritable: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
  const clock = new SteadyClock({ now: () => nowMs, wall: () => nowMs });
  const emit = (event: PxeEvent) => void events.push(event);
  admin = new LeaseAdmin({ leases, journal, links: () => links, emit, clock });
});

describe("the admin for leases", () => {
  test("lists what is in force, by address, and how full the pool is", () => {
    leases.restore(lease(macA, "192.168.77.110"));
    leases.restore(lease(macB, "192.168.77.20"));
    leases.restore(lease("c", "192.168.77.101", { state: "declined" }));
    leases.restore(lease("d", "192.168.77.102", { state: "released" }));
    leases.restore(lease("e", "192.168.77.103", { expiresAtMs: nowMs }));
    expect(admin.list().map(({ address }) => address)).toEqual([
      "192.168.77.20",
      "192.168.77.101",
      "192.168.77.110",
    ]);
    const pool = { interface: "eth1", network: "192.168.77.0/24" };
    const filling = { addresses: 100, leased: 1, quarantined: 1, free: 98 };
    expect(atOnce(admin.pools())).toEqual([{ ...pool, ...filling }]);
  });

  test("field fault 53: lists 60,000 leases in pages, each of which is little work", () => {
    for (let n = 0; n < 60_000; n++) {
      // Spread, as machines get their addresses.
      const address = ip4FromNumber(ip4ToNumber("10.0.0.0") + ((n * 7919) % 60_000));
      const state = n % 10 === 0 ? "in-use" : "bound";
      leases.restore(lease(`m${n}`, address, n % 7 === 0 ? { state: "released" } : { state }));
    }
    const all = admin.list();
    expect(all.length).toBe(60_000 - Math.ceil(60_000 / 7));
    const paged: Lease[] = [];
    for (let page = atOnce(admin.page(null, 10_000)); page.length > 0;) {
      expect(page.length).toBeLessThanOrEqual(10_000);
      paged.push(...page);
      page = atOnce(admin.page(page.at(-1)?.address ?? null, 10_000));
    }
    const addresses = (some: readonly Lease[]) => some.map(({ address }) => address).join();
    // As one text: to compare so many objects takes seconds.
    expect(addresses(paged) === addresses(all)).toBe(true);
    // One pass over what is on record, and of the thousands of leases only those of the page are looked at closely.
    expect(leases.workOf(() => atOnce(admin.page("10.0.100.0", 1000)))).toEqual({
      passed: 60_000,
      lookedUp: 1000,
    });
    // However many networks there are.
    const relayed = Array.from({ length: 200 }, (_, n) => ({
      subnet: { network: `10.0.${n}.0`, prefixLength: 24 },
      full: { ...fullLink.full, pools: [{ first: `10.0.${n}.0`, last: `10.0.${n}.255` }] },
    }));
    links = [{ ...fullLink, relayed }];
    expect(atOnce(admin.pools())).toHaveLength(201);
    expect(leases.workOf(() => atOnce(admin.pools()))).toEqual({ passed: 60_000, lookedUp: 0 });
    expect(leases.workOf(() => admin.at("10.0.100.0"))).toEqual({ passed: 0, lookedUp: 1 });
  });

  test("goes through them a step at a time, so that the event loop has others' work in between", () => {
    for (let n = 1; n <= 50; n++) leases.restore(lease(`m${n}`, `192.168.77.${n}`));
    for (const look of [admin.page("192.168.77.40", 5), admin.page(null, 50), admin.pools()]) {
      // However few of them are wanted.
      for (let steps = 1; steps <= 50; steps++) {
        expect(leases.workOf(() => expect(look.next().done).toBe(false)).passed).toBe(1);
      }
      expect(look.next().done).toBe(true);
    }
  });

  test("releases a lease, which its machine gets again if it asks", async () => {
    leases.restore(lease(macA, "192.168.77.110"));
    expect(await admin.release("192.168.77.110")).toMatchObject({ mac: macA, state: "released" });
    expect(leases.ofMachine(macA, fullLink.subnet)?.state).toBe("released");
    expect(events).toEqual([
      { event: "lease-released", mac: macA, address: "192.168.77.110", interface: "eth1" },
    ]);
    expect(await admin.release("192.168.77.110")).toBeNull();
    expect(await admin.release("192.168.77.9")).toBeNull();
  });

  test("ends a quarantine without touching what its machine has now", async () => {
    leases.restore(lease(macA, "192.168.77.110", { state: "declined" }));
    leases.restore(lease(macA, "192.168.77.111"));
    await admin.release("192.168.77.110");
    expect(admin.list().map(({ address }) => address)).toEqual(["192.168.77.111"]);
  });

  test("on a full disk changes nothing and says so", async () => {
    await admin.import([lease(macA, "192.168.77.110")]);
    full = true;
    await expect(admin.release("192.168.77.110")).rejects.toThrow("no space");
    expect(leases.at("192.168.77.110")?.state).toBe("bound");
    await expect(admin.import([lease(macB, "192.168.77.111")])).rejects.toThrow("no space");
    expect(leases.ofMachine(macB, fullLink.subnet)).toBeNull();
  });

  test("takes over what contradicts nothing, and says what it left out", async () => {
    leases.restore(lease(macA, "192.168.77.110"));
    const result = await admin.import([
      lease(macB, "192.168.77.120"),
      lease(macB, "192.168.77.121"),
      lease(macA, "192.168.77.122"),
      lease("x", "192.168.77.110"),
      lease("y", "10.0.0.1"),
      lease("z", "192.168.77.123", { expiresAtMs: nowMs }),
    ]);
    expect(result).toEqual({
      imported: 1,
      skipped: [
        { address: "192.168.77.121", reason: `${macB} has another lease in the file` },
        { address: "192.168.77.122", reason: `${macA} has 192.168.77.110 here` },
        { address: "192.168.77.110", reason: `${macA} has the address here` },
        { address: "10.0.0.1", reason: "it is in no network of a link in mode full" },
        { address: "192.168.77.123", reason: "it has expired" },
      ],
    });
    expect(leases.ofMachine(macB, fullLink.subnet)?.address).toBe("192.168.77.120");
  });
});
