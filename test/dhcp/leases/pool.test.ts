import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AddressRange } from "../../../src/dhcp/link.ts";
import {
  countIn,
  inRanges,
  pickAddress,
  poolSize,
  withoutRanges,
} from "../../../src/dhcp/leases/pool.ts";
import { ip4FromNumber, ip4ToNumber } from "../../../src/lib/ip4.ts";

const ranges: readonly AddressRange[] = [
  { first: "10.0.0.10", last: "10.0.0.14" },
  { first: "10.0.0.254", last: "10.0.1.1" },
  { first: "10.0.9.9", last: "10.0.9.9" },
];
const mac = "52:54:00:00:00:01";
const always = (): boolean => true;

const anyRanges = fc
  .uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 2, maxLength: 8 })
  .map((edges) => {
    const sorted = edges.toSorted((a, b) => a - b);
    const found: AddressRange[] = [];
    for (let i = 0; i + 1 < sorted.length; i += 2) {
      const [from = 0, to = 0] = [sorted[i], sorted[i + 1]];
      found.push({ first: `10.0.0.${from}`, last: `10.0.0.${to}` });
    }
    return found;
  });
const anyMac = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":"));

test("a pool has the size of its ranges, both ends included", () => {
  expect(poolSize(ranges)).toBe(5 + 4 + 1);
  expect(poolSize([])).toBe(0);
});

test("what is excluded from the ranges is the only thing that goes", () => {
  const hole = (first: string, last = first) => ({ first, last });
  expect(withoutRanges(ranges, [hole("10.0.0.12"), hole("10.0.0.200", "10.0.9.9")])).toEqual([
    { first: "10.0.0.10", last: "10.0.0.11" },
    { first: "10.0.0.13", last: "10.0.0.14" },
  ]);
  expect(withoutRanges(ranges, [hole("0.0.0.0", "255.255.255.255")])).toEqual([]);
  fc.assert(
    fc.property(anyRanges, anyRanges, (pools, excluded) => {
      const left = withoutRanges(pools, excluded);
      for (let n = 0; n <= 61; n++) {
        const address = `10.0.0.${n}`;
        expect(inRanges(left, address)).toBe(
          inRanges(pools, address) && !inRanges(excluded, address),
        );
      }
    }),
  );
});

test("an address is in the pool from the first to the last of a range", () => {
  expect(["10.0.0.10", "10.0.0.14", "10.0.1.0", "10.0.9.9"].every((a) => inRanges(ranges, a))).toBe(
    true,
  );
  expect(["10.0.0.9", "10.0.0.15", "10.0.1.2"].some((a) => inRanges(ranges, a))).toBe(false);
});

test("as many addresses are counted in ranges as are in one of them", () => {
  const some = fc.uniqueArray(fc.integer({ min: 0, max: 61 }));
  fc.assert(
    fc.property(anyRanges, some, (pools, last) => {
      const addresses = last.map((byte) => ip4ToNumber(`10.0.0.${byte}`));
      const inside = addresses.filter((address) => inRanges(pools, ip4FromNumber(address)));
      expect(countIn(Uint32Array.from(addresses).toSorted(), pools)).toBe(inside.length);
    }),
  );
});

describe("pickAddress", () => {
  test("gives nothing from an empty pool, and nothing when all are taken", () => {
    expect(pickAddress([], mac, () => 0, always)).toBeNull();
    expect(pickAddress(ranges, mac, () => null, always)).toBeNull();
  });

  test("a machine gets the same address each time, and other machines mostly others", () => {
    const pool = [{ first: "10.1.0.0", last: "10.1.3.255" }];
    const macs = Array.from({ length: 100 }, (_, i) => `52:54:00:00:00:${i.toString(16)}`);
    const given = macs.map((one) => pickAddress(pool, one, () => 0, always));
    expect(macs.map((one) => pickAddress(pool, one, () => 0, always))).toEqual(given);
    expect(new Set(given).size).toBeGreaterThan(80);
  });

  test("an address that was never used goes before one that is free again", () => {
    const never = ip4ToNumber("10.0.1.0");
    expect(pickAddress(ranges, mac, (address) => (address === never ? 0 : 5), always)).toBe(
      "10.0.1.0",
    );
  });

  test("of those that are free again the oldest goes first", () => {
    const oldest = ip4ToNumber("10.0.0.12");
    expect(pickAddress(ranges, mac, (address) => (address === oldest ? 1 : 2), always)).toBe(
      "10.0.0.12",
    );
  });

  test("looks closely only at an address that is freer than those before it", () => {
    const closely: number[] = [];
    const mayGive = (address: number): boolean => {
      closely.push(address);
      return true;
    };
    const pool = [{ first: "10.1.0.0", last: "10.1.255.255" }];
    expect(pickAddress(pool, mac, () => 5, mayGive)).not.toBeNull();
    expect(closely).toHaveLength(1);
  });

  test("gives none that may not be given", () => {
    const only = ip4ToNumber("10.0.1.1");
    const mayGive = (address: number): boolean => address === only;
    expect(pickAddress(ranges, mac, () => 0, mayGive)).toBe("10.0.1.1");
    expect(pickAddress(ranges, mac, (address) => address, mayGive)).toBe("10.0.1.1");
    expect(
      pickAddress(
        ranges,
        mac,
        () => 0,
        () => false,
      ),
    ).toBeNull();
  });

  test("gives up a pool of millions after as many addresses as can be on record", () => {
    let looks = 0;
    const taken = (): null => {
      looks += 1;
      return null;
    };
    const pool = [{ first: "10.0.0.0", last: "10.255.255.255" }];
    expect(pickAddress(pool, mac, taken, always)).toBeNull();
    expect(looks).toBe(65_536);
  });

  test("looks at every address once, and picks one that is as free as any", () => {
    fc.assert(
      fc.property(
        anyRanges,
        anyMac,
        fc.array(fc.option(fc.nat(3)), { minLength: 61, maxLength: 61 }),
        (pool, machine, free) => {
          const base = ip4ToNumber("10.0.0.0");
          const seen: number[] = [];
          const since = (address: number): number | null => free[address - base] ?? null;
          const picked = pickAddress(
            pool,
            machine,
            (address) => {
              seen.push(address);
              return since(address);
            },
            always,
          );
          expect(new Set(seen).size).toBe(seen.length);
          expect(seen.every((address) => inRanges(pool, ip4FromNumber(address)))).toBe(true);
          const all = Array.from({ length: 61 }, (_, i) => base + i)
            .filter((address) => inRanges(pool, ip4FromNumber(address)))
            .map(since)
            .filter((moment) => moment !== null);
          const best = picked === null ? [] : [since(ip4ToNumber(picked))];
          expect(best).toEqual(all.length === 0 ? [] : [Math.min(...all)]);
        },
      ),
    );
  });
});

test("in a large pool whose addresses were all used, some two thousand are looked at", () => {
  const large = [{ first: "10.0.0.0", last: "10.0.255.255" }];
  let looks = 0;
  const picked = pickAddress(
    large,
    mac,
    (address) => {
      looks += 1;
      return address & 0xffff;
    },
    always,
  );
  expect(picked).not.toBeNull();
  expect(looks).toBeLessThan(2100);
});

test("in a large pool with one free address that one is found", () => {
  const large = [{ first: "10.0.0.0", last: "10.0.255.254" }];
  const free = ip4ToNumber("10.0.77.77");
  const picked = pickAddress(large, mac, (address) => (address === free ? 5 : null), always);
  expect(picked).toBe("10.0.77.77");
});
