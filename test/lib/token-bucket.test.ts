import { expect, test } from "vitest";
import { TokenBucket, TokenBuckets } from "../../src/lib/token-bucket.ts";

const rate = { burst: 2, perSecond: 1 };

function taken(bucket: TokenBucket | { take(nowMs: number): boolean }, ...times: number[]) {
  return times.map((nowMs) => bucket.take(nowMs));
}

function caller(buckets: TokenBuckets<string>, name: string) {
  return { take: (nowMs: number) => buckets.take(name, nowMs) };
}

test("a caller has its burst at once and then one for each second", () => {
  const a = caller(new TokenBuckets(rate, 2), "a");
  expect(taken(a, 0, 0, 0, 999, 1000, 1001)).toEqual([true, true, false, false, true, false]);
});

test("callers do not use up each other's share", () => {
  const buckets = new TokenBuckets<string>({ ...rate, burst: 1 }, 2);
  expect(taken(caller(buckets, "a"), 0, 0)).toEqual([true, false]);
  expect(taken(caller(buckets, "b"), 0)).toEqual([true]);
});

test("a long pause earns no more than one burst", () => {
  const hour = 3_600_000;
  expect(taken(new TokenBucket(rate, 0), 0, hour, hour, hour)).toEqual([true, true, true, false]);
});

test("only the callers seen last are remembered", () => {
  const buckets = new TokenBuckets<string>({ ...rate, burst: 1 }, 2);
  for (const name of ["a", "b", "c"]) buckets.take(name, 0);
  expect(buckets.take("c", 0)).toBe(false);
  expect(buckets.take("a", 0)).toBe(true);
});

test("a token that is given back can be taken again, but none beyond the burst", () => {
  const bucket = new TokenBucket(rate, 0);
  bucket.giveBack();
  expect(taken(bucket, 0, 0, 0)).toEqual([true, true, false]);
  bucket.giveBack();
  expect(taken(bucket, 0, 0)).toEqual([true, false]);
});
