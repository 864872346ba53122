import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  broadcastOf,
  ip4FromBytes,
  ip4FromNumber,
  ip4ToBytes,
  ip4ToNumber,
  isBroadcastOf,
  subnetOf,
} from "../../src/lib/ip4.ts";
import { macFromBytes, macToBytes } from "../../src/lib/mac.ts";

// Such as differ in a few bits only.
const fewBits = fc.integer({ min: 0, max: 3 });

test("the texts of hardware addresses that differ in any byte differ", () => {
  const bytes = fc.array(fewBits, { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(bytes, (all) => {
      expect([...macToBytes(macFromBytes(Uint8Array.from(all)))]).toEqual(all);
    }),
    { numRuns: 2000 },
  );
});

test("a hardware address may have any length", () => {
  expect(macFromBytes(new Uint8Array())).toBe("");
  expect(macFromBytes(Uint8Array.of(1, 0xab))).toBe("01:ab");
  expect(macFromBytes(new Uint8Array(6))).toBe("00:00:00:00:00:00");
  expect(macFromBytes(new Uint8Array(8).fill(255))).toBe("ff:ff:ff:ff:ff:ff:ff:ff");
});

test("the texts of IPv4 addresses that differ in any byte differ", () => {
  const bytes = fc.array(fewBits, { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(bytes, (all) => {
      expect([...ip4ToBytes(ip4FromBytes(Uint8Array.from(all)))]).toEqual(all);
    }),
    { numRuns: 2000 },
  );
});

test("an IPv4 address is made of its number with a sign or without", () => {
  for (const address of ["0.0.0.0", "127.255.255.255", "128.0.0.0", "255.255.255.255"]) {
    const number = ip4ToNumber(address);
    expect([ip4FromNumber(number), ip4FromNumber(number | 0)]).toEqual([address, address]);
  }
});

test("an address is its network's broadcast address, or not", () => {
  for (const prefixLength of [0, 8, 24, 31, 32]) {
    const subnet = subnetOf("200.168.77.9", prefixLength);
    const broadcast = broadcastOf(subnet);
    expect(isBroadcastOf(subnet, broadcast)).toBe(true);
    const before = ip4FromNumber(ip4ToNumber(broadcast) - 1);
    expect(isBroadcastOf(subnet, before)).toBe(false);
  }
});
