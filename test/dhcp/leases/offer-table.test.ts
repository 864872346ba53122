import { describe, expect, test } from "vitest";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";

const now = 1_000_000;
const network = { network: "10.0.0.0", prefixLength: 15 };
const offer = (mac: string, address: string, forMs = 1000) => ({
  mac,
  address,
  network,
  untilMs: now + forMs,
  known: false,
});

describe("OfferTable", () => {
  test("finds an offer by machine and by address until it ends", () => {
    const table = new OfferTable();
    table.put(offer("a", "10.0.0.1"), now);
    expect(table.ofMachine("a", network, now + 999)).toEqual(offer("a", "10.0.0.1"));
    expect(table.at("10.0.0.1", now + 999)?.mac).toBe("a");
    expect(table.ofMachine("a", network, now + 1000)).toBeNull();
    expect(table.at("10.0.0.1", now + 1000)).toBeNull();
  });

  test("a machine has one offer and an address one machine: the latest", () => {
    const table = new OfferTable();
    table.put(offer("a", "10.0.0.1"), now);
    table.put(offer("a", "10.0.0.2"), now);
    expect(table.at("10.0.0.1", now)).toBeNull();
    table.put(offer("b", "10.0.0.2"), now);
    expect(table.ofMachine("a", network, now)).toBeNull();
    expect(table.size).toBe(1);
  });

  test("field fault 1: a machine has one offer in each network", () => {
    const table = new OfferTable();
    const behind = { network: "10.9.0.0", prefixLength: 16 };
    table.put(offer("a", "10.0.0.1"), now);
    table.put({ ...offer("a", "10.9.0.1"), network: behind }, now);
    expect(table.ofMachine("a", network, now)?.address).toBe("10.0.0.1");
    expect(table.ofMachine("a", behind, now)?.address).toBe("10.9.0.1");
    table.settle("a", "10.9.0.2");
    expect(table.ofMachine("a", behind, now)).toBeNull();
    table.withdraw("b", "10.0.0.1");
    expect(table.isWaiting("a", now)).toBe(true);
    table.withdraw("a", "10.0.0.1");
    expect(table.isWaiting("a", now)).toBe(false);
    expect(table.size).toBe(0);
  });

  test("forgets what ended when the next one comes, so that a flood does not stay in memory", () => {
    const table = new OfferTable();
    for (let n = 0; n < 1000; n++) table.put(offer(`m${n}`, `10.0.${n >> 8}.${n & 255}`), now);
    expect(table.size).toBe(1000);
    table.put(offer("late", "10.1.0.1", 3000), now + 1000);
    expect(table.size).toBe(1);
  });
});
