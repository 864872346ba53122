import { expect, test } from "vitest";
import { RateLimit } from "../../../src/http/boot/rate-limit.ts";

const limits = { burst: 2, perSecond: 1, maxCallers: 2 };

test("a caller has its burst at once and then one for each second", () => {
  const limit = new RateLimit(limits);
  expect([limit.allow("a", 0), limit.allow("a", 0), limit.allow("a", 0)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(limit.allow("a", 999)).toBe(false);
  expect(limit.allow("a", 1_000)).toBe(true);
  expect(limit.allow("a", 1_001)).toBe(false);
});

test("callers do not use up each other's share", () => {
  const limit = new RateLimit({ ...limits, burst: 1 });
  expect(limit.allow("a", 0)).toBe(true);
  expect(limit.allow("a", 0)).toBe(false);
  expect(limit.allow("b", 0)).toBe(true);
});

test("a long pause earns no more than one burst", () => {
  const limit = new RateLimit(limits);
  limit.allow("a", 0);
  const hour = 3_600_000;
  expect([limit.allow("a", hour), limit.allow("a", hour), limit.allow("a", hour)]).toEqual([
    true,
    true,
    false,
  ]);
});

test("only the callers seen last are remembered", () => {
  const limit = new RateLimit({ ...limits, burst: 1 });
  limit.allow("a", 0);
  limit.allow("b", 0);
  limit.allow("c", 0);
  expect(limit.allow("c", 0)).toBe(false);
  expect(limit.allow("a", 0)).toBe(true);
});
