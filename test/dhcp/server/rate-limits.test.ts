import { describe, expect, test } from "vitest";
import { RateLimits, machineIdOf, senderOf } from "../../../src/dhcp/server/rate-limits.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import { clientMac, packetWith } from "../../support/dhcp.ts";

const unknownMac = (n: number) => `02:00:00:${n >> 16}:${(n >> 8) & 255}:${n & 255}`;

/** More than are let through at once. */
const many = 20_000;

/** How many of so many requests, each of another machine, are answered. */
function admitted(limits: RateLimits, count: number, nowMs: number, from = 0): number {
  let sum = 0;
  for (let n = 0; n < count; n++) {
    if (limits.refuses(unknownMac(from + n), false, nowMs) === null) sum += 1;
  }
  return sum;
}

describe("RateLimits", () => {
  test("answers 4096 unknown clients at once and 256 more each second", () => {
    const limits = new RateLimits(0);
    expect(admitted(limits, many, 0)).toBe(4096);
    expect(limits.refuses(unknownMac(1), false, 0)).toBe("too many unknown clients ask");
    expect(admitted(limits, many, 1000)).toBe(256);
    expect(admitted(limits, many, 100_000)).toBe(4096);
  });

  test("field fault 52: where no addresses are handed out lets more through, and not everything", () => {
    const limits = new RateLimits(0, false);
    expect(admitted(limits, many, 0)).toBe(8192);
    expect(admitted(limits, many, 1000)).toBe(1024);
    expect(limits.refuses("entry", true, 1000)).toBeNull();
    const one = new RateLimits(0, false);
    const asked = Array.from({ length: 3000 }, () => one.refuses("one", false, 0));
    expect(asked.filter((refusal) => refusal === null)).toHaveLength(1000);
  });

  test("answers known machines whatever unknown clients do", () => {
    const limits = new RateLimits(0);
    admitted(limits, many, 0);
    for (let n = 0; n < 100; n++) {
      expect(limits.refuses(unknownMac(200_000 + n), true, 0)).toBeNull();
    }
  });

  test("does not count unknown clients that get a lease", () => {
    const limits = new RateLimits(0);
    for (let n = 0; n < many; n++) {
      expect(limits.refuses(unknownMac(n), false, 0)).toBeNull();
      limits.unknownGotLease();
    }
  });

  test("lets one machine ask a thousand times at once and two hundred times each second", () => {
    const limits = new RateLimits(0);
    const asks = (count: number, nowMs: number) =>
      Array.from({ length: count }, () => limits.refuses("a", true, nowMs)).filter(
        (refusal) => refusal === null,
      ).length;
    // And 4000 and 2000 beyond that, for all together.
    expect(asks(9000, 0)).toBe(5000);
    expect(limits.refuses("a", true, 0)).toBe("this machine asks too often");
    expect(limits.refuses("b", true, 0)).toBeNull();
    expect(asks(5000, 1000)).toBe(2200);
  });

  test("does not let one unknown client use up what is for all of them", () => {
    const limits = new RateLimits(0);
    let [loops, others] = [0, 0];
    for (let nowMs = 0; nowMs < 60_000; nowMs += 2) {
      if (limits.refuses("loops", false, nowMs) === null) loops += 1;
      if (nowMs % 2000 === 0) others += admitted(limits, 1, nowMs, nowMs);
    }
    expect(loops).toBeLessThan(150);
    expect(others).toBe(30);
  });

  test("hears a known machine also while somebody asks two thousand times a second in its name", () => {
    const limits = new RateLimits(0);
    let own = 0;
    for (let nowMs = 0; nowMs < 30_000; nowMs += 1) {
      for (let forged = 0; forged < 2; forged++) limits.refuses("a", true, nowMs);
      if (nowMs % 1000 === 0 && limits.refuses("a", true, nowMs) === null) own += 1;
    }
    expect(own).toBe(30);
  });

  test("takes a pool for full for a second", () => {
    const limits = new RateLimits(0);
    const here = subnetOf("10.2.0.0", 16);
    const wider = subnetOf("10.2.0.0", 15);
    limits.poolFull({ ...here }, 5000);
    expect(limits.isFull(here, 5999)).toBe(true);
    expect(limits.isFull(wider, 5999)).toBe(false);
    expect(limits.isFull(subnetOf("10.1.0.0", 16), 5999)).toBe(false);
    expect(limits.isFull(here, 6000)).toBe(false);
  });
});

test("the sender is read from the header alone", () => {
  const bytes = encodePacket(packetWith({ 53: Uint8Array.of(1) }));
  expect(senderOf(bytes)).toEqual({ mac: clientMac, giaddr: "0.0.0.0" });
  expect(senderOf(bytes.subarray(0, 239))).toBeNull();
  const withLength = (hlen: number) => {
    const other = Uint8Array.from(bytes);
    other[2] = hlen;
    return senderOf(other);
  };
  expect(withLength(0)).toBeNull();
  // As the decoder has it, so that nothing that is decoded escapes the limits.
  for (const hlen of [17, 255]) expect(withLength(hlen)).toEqual(withLength(16));
  expect(withLength(16)?.mac).toHaveLength(16 * 3 - 1);
});

test("the machine identifier is found among the options, and nothing where they are damaged", () => {
  const id = Uint8Array.from({ length: 17 }, (_, i) => i);
  const bytes = encodePacket(packetWith({ 53: Uint8Array.of(1), 60: Uint8Array.of(1, 2), 97: id }));
  expect(machineIdOf(bytes)).toEqual(id);
  expect(machineIdOf(encodePacket(packetWith({ 53: Uint8Array.of(1) })))).toBeNull();
  for (let length = 0; length < bytes.length; length++) machineIdOf(bytes.subarray(0, length));
  expect(machineIdOf(Uint8Array.from({ length: 400 }))).toBeNull();
});
