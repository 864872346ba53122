import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isActive,
  isQuarantine,
  type Lease,
  type LeaseState,
  LeaseTable,
} from "../../../src/dhcp/leases/lease-table.ts";
import { InternalError } from "../../../src/lib/errors.ts";

const now = 1_000_000;
const network = { network: "10.0.0.0", prefixLength: 24 };

function lease(mac: string, address: string, state: LeaseState = "bound", forMs = 1000): Lease {
  return {
    mac,
    address,
    network: "10.0.0.0/24",
    state,
    expiresAtMs: now + forMs,
    startedAtMs: now,
    hostname: null,
    clientId: null,
  };
}

function outcomeOf(act: () => void): string {
  try {
    act();
    return "put";
  } catch (error) {
    return error instanceof InternalError ? "refused" : String(error);
  }
}

describe("LeaseTable", () => {
  test("finds a lease by machine and by address", () => {
    const table = new LeaseTable();
    const one = lease("a", "10.0.0.1");
    table.put(one, now);
    expect(table.ofMachine("a", network)).toBe(one);
    expect(table.at("10.0.0.1")).toBe(one);
    expect(table.ofMachine("b", network)).toBeNull();
    expect(table.at("10.0.0.2")).toBeNull();
    expect(table.all()).toEqual([one]);
  });

  test("a machine that gets another address gives up its former one", () => {
    const table = new LeaseTable();
    table.put(lease("a", "10.0.0.1"), now);
    table.put(lease("a", "10.0.0.2"), now);
    expect(table.at("10.0.0.1")).toBeNull();
    expect(table.ofMachine("a", network)?.address).toBe("10.0.0.2");
    expect(table.size).toBe(1);
  });

  test("an address that belongs to another machine cannot be taken", () => {
    const table = new LeaseTable();
    table.put(lease("a", "10.0.0.1"), now);
    expect(() => table.put(lease("b", "10.0.0.1"), now)).toThrow(InternalError);
    expect(table.at("10.0.0.1")?.mac).toBe("a");
  });

  test("an expired or released address can be taken, and its former machine has none then", () => {
    const table = new LeaseTable();
    table.put(lease("a", "10.0.0.1"), now);
    table.put(lease("b", "10.0.0.1"), now + 1000);
    expect(table.ofMachine("a", network)).toBeNull();
    table.put(lease("b", "10.0.0.1", "released"), now);
    table.put(lease("c", "10.0.0.1"), now);
    expect(table.ofMachine("b", network)).toBeNull();
    expect(table.ofMachine("c", network)?.address).toBe("10.0.0.1");
  });

  test("a declined address belongs to no machine, and is out of use until the quarantine ends", () => {
    const table = new LeaseTable();
    table.put(lease("a", "10.0.0.1"), now);
    table.put(lease("a", "10.0.0.1", "declined"), now);
    expect(table.ofMachine("a", network)).toBeNull();
    table.put(lease("a", "10.0.0.2"), now);
    expect(table.at("10.0.0.1")?.state).toBe("declined");
    expect(() => table.put(lease("b", "10.0.0.1"), now)).toThrow(InternalError);
    table.put(lease("b", "10.0.0.1"), now + 1000);
    expect(table.ofMachine("a", network)?.address).toBe("10.0.0.2");
  });

  test("has room for as many new addresses as it was told", () => {
    const table = new LeaseTable(2);
    table.put(lease("a", "10.0.0.1"), now);
    expect(table.hasRoom).toBe(true);
    table.put(lease("b", "10.0.0.2"), now);
    expect(table.hasRoom).toBe(false);
  });

  test("whatever is put, one address has one lease and one machine has one that is not declined", () => {
    const anyLease = fc
      .record({
        mac: fc.constantFrom("a", "b", "c"),
        address: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3"),
        state: fc.constantFrom<LeaseState>("bound", "declined", "in-use", "released"),
        forMs: fc.integer({ min: 0, max: 5 }),
      })
      .map(({ mac, address, state, forMs }) => lease(mac, address, state, forMs));
    fc.assert(
      fc.property(fc.array(anyLease, { maxLength: 40 }), (leases) => {
        const table = new LeaseTable();
        leases.forEach((one, i) => {
          const held = table.at(one.address);
          const taken = held !== null && held.mac !== one.mac && isActive(held, now + i);
          expect(outcomeOf(() => table.put(one, now + i))).toBe(taken ? "refused" : "put");
          const all = table.all();
          expect(new Set(all.map(({ address }) => address)).size).toBe(all.length);
          expect(all.every((each) => table.at(each.address) === each)).toBe(true);
          const owned = all.filter((each) => !isQuarantine(each));
          expect(owned.every((each) => table.ofMachine(each.mac, network) === each)).toBe(true);
          const found = ["a", "b", "c"].map((mac) => table.ofMachine(mac, network)).filter(Boolean);
          expect(new Set(found)).toEqual(new Set(owned));
        });
      }),
    );
  });
});
