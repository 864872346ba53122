import { InternalError } from "../../lib/errors.ts";
import { type Ip4, ip4FromNumber, ip4ToNumber } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { AddressRange } from "../link.ts";

/**
 * How free an address is: `null` is not free at all, 0 was never used, and any other number is the
 * moment since when it is free again, in milliseconds since the Unix epoch.
 */
export type FreeSince = (address: number) => number | null;

/**
 * The most addresses that one search tries: as many as are on record. A larger pool has one that
 * was never used among them, or nothing more can be handed out.
 */
const MOST_TRIES = 65_536;
/** After so many tries any free address will do: to find the best one of a large pool takes too long. */
const ENOUGH_TRIES = 2048;

/**
 * An address for a machine without one: one that was never used, or else the one that has been free for
 * longest, so that machines which come back late still get their own. Null when none is free.
 *
 * Whoever sends requests decides how often this search runs, so it is cheap also in a large pool whose
 * addresses have all been used: `mayGive` is asked only of an address that would be the best so far, and
 * beyond some two thousand addresses the first free one is taken.
 *
 * The search begins at a place that depends on the machine alone: machines that come at the same time
 * do not compete, one that lost its lease is likely to get the same address again, and a well-filled
 * pool need not be walked from its beginning each time. It goes on in long steps: fixed addresses stand together, and some
 * in use in a row would be taken for a network in which something answers for every address.
 */
export function pickAddress(
  ranges: readonly AddressRange[],
  mac: Mac,
  freeSince: FreeSince,
  mayGive: (address: number) => boolean,
): Ip4 | null {
  const total = poolSize(ranges);
  if (total === 0) return null;
  const stretches = ranges.map((range) => ({
    from: ip4ToNumber(range.first),
    size: sizeOf(range),
  }));
  const step = longStep(total);
  let place = hash(mac) % total;
  let oldest: number | null = null;
  let oldestSince = Infinity;
  const most = Math.min(total, MOST_TRIES);
  for (let tries = 0; tries < most; tries++, place = (place + step) % total) {
    if (oldest !== null && tries >= ENOUGH_TRIES) break;
    const address = addressAt(stretches, place);
    const since = freeSince(address);
    if (since === null || since >= oldestSince || !mayGive(address)) continue;
    if (since === 0) return ip4FromNumber(address);
    oldest = address;
    oldestSince = since;
  }
  return oldest === null ? null : ip4FromNumber(oldest);
}

/** The number of addresses in the ranges. */
export function poolSize(ranges: readonly AddressRange[]): number {
  return ranges.reduce((sum, range) => sum + sizeOf(range), 0);
}

export function inRanges(ranges: readonly AddressRange[], address: Ip4): boolean {
  const number = ip4ToNumber(address);
  return ranges.some(
    ({ first, last }) => ip4ToNumber(first) <= number && number <= ip4ToNumber(last),
  );
}

/** How many of these addresses, which rise, are in the ranges, which have none in common. */
export function countIn(rising: Uint32Array, ranges: readonly AddressRange[]): number {
  return ranges.reduce((sum, { first, last }) => {
    const below = countBelow(rising, ip4ToNumber(first));
    return sum + Math.max(0, countBelow(rising, ip4ToNumber(last) + 1) - below);
  }, 0);
}

function countBelow(rising: Uint32Array, limit: number): number {
  let [from, to] = [0, rising.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((rising[middle] ?? 0) < limit) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Whether an address is one of the last `count` addresses of the ranges. */
export function isAmongLast(ranges: readonly AddressRange[], count: number, address: Ip4): boolean {
  const number = ip4ToNumber(address);
  let left = count;
  for (const range of ranges.toReversed()) {
    const last = ip4ToNumber(range.last);
    if (number <= last && number > last - Math.min(left, sizeOf(range))) return true;
    left -= sizeOf(range);
    if (left <= 0) return false;
  }
  return false;
}

/** What is left of the ranges without every address that is in one of `excluded`. */
export function withoutRanges(
  ranges: readonly AddressRange[],
  excluded: readonly AddressRange[],
): readonly AddressRange[] {
  return excluded.reduce((left, hole) => left.flatMap((range) => withoutOne(range, hole)), ranges);
}

function withoutOne(range: AddressRange, hole: AddressRange): readonly AddressRange[] {
  const [first, last] = [ip4ToNumber(range.first), ip4ToNumber(range.last)];
  const parts: readonly (readonly [from: number, to: number])[] = [
    [first, Math.min(last, ip4ToNumber(hole.first) - 1)],
    [Math.max(first, ip4ToNumber(hole.last) + 1), last],
  ];
  return parts
    .filter(([from, to]) => from <= to)
    .map(([from, to]) => ({ first: ip4FromNumber(from), last: ip4FromNumber(to) }));
}

function sizeOf({ first, last }: AddressRange): number {
  return Math.max(0, ip4ToNumber(last) - ip4ToNumber(first) + 1);
}

/** Addresses that follow one another: the first one, as a number, and how many there are. */
interface Stretch {
  readonly from: number;
  readonly size: number;
}

function addressAt(stretches: readonly Stretch[], place: number): number {
  let left = place;
  for (const { from, size } of stretches) {
    if (left < size) return from + left;
    left -= size;
  }
  throw new InternalError(`there is no place ${place} in the pool`);
}

/** The golden section: steps of this length in a circle end far from all before them. */
const GOLDEN = 0.618;

/** A step by which every one of so many places is come to, in a circle, before the first one is again. */
function longStep(total: number): number {
  let step = Math.max(1, Math.floor(total * GOLDEN));
  while (commonDivisor(step, total) > 1) step -= 1;
  return step;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** FNV-1a, 32 bits: spreads hardware addresses that differ in their last digits only. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return value;
}
