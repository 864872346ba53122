import { type HostMoment, LEAST_STEP_MS } from "../../lib/clock.ts";
import type { Lease } from "./lease-table.ts";

/*
 * Times in a journal are by the system's clock as it was when they were written. That clock is set now and then: a
 * host without a battery starts in 1970 and gets the time from the network later; somebody corrects it by an
 * hour. A lease has to last its time all the same, no less, or another machine gets the address while it is in
 * use, and no longer, or nobody gets it again.
 */

/** One line of a journal. */
export type JournalEntry =
  | { readonly kind: "clock"; readonly clock: HostMoment }
  | {
      readonly kind: "lease";
      readonly lease: Lease;
      /** Null: by a version that did not write it. */
      readonly writtenAtMs: number | null;
    };

type LeaseEntry = Extract<JournalEntry, { kind: "lease" }>;

/** Lines whose times are by one clock. */
interface Segment {
  /** Null: lines of a version that did not write its clock. */
  readonly clock: HostMoment | null;
  readonly entries: readonly LeaseEntry[];
}

export interface CorrectedTimes {
  readonly leases: readonly Lease[];
  readonly stepMs: number;
}

/** The leases of a journal with all times by the clock of `now`; null: by the clock of its last lines. */
export function correctTimes(
  entries: readonly JournalEntry[],
  now: HostMoment | null,
): CorrectedTimes {
  const segments = segmentsOf(entries);
  const leases: Lease[] = [];
  let later: HostMoment | null = now;
  /** What the times of the segment at hand are behind those of `now`. */
  let behindMs = 0;
  let lastStepMs = 0;
  for (const segment of segments.toReversed()) {
    const { stepMs, oldLinesMs } = changeBetween(segment, later);
    if (later === now) lastStepMs = stepMs.set ? stepMs.ms : 0;
    const restMs = behindMs;
    for (const { lease, writtenAtMs } of segment.entries.toReversed()) {
      const byMs = restMs + (writtenAtMs === null ? oldLinesMs : stepMs.ms);
      leases.push(moved(lease, byMs, writtenAtMs, now));
    }
    behindMs += stepMs.ms;
    later = segment.clock ?? later;
  }
  return { leases: leases.toReversed(), stepMs: lastStepMs };
}

function segmentsOf(entries: readonly JournalEntry[]): readonly Segment[] {
  const segments: { clock: HostMoment | null; entries: LeaseEntry[] }[] = [
    { clock: null, entries: [] },
  ];
  for (const entry of entries) {
    if (entry.kind === "clock") segments.push({ clock: entry.clock, entries: [] });
    else segments.at(-1)?.entries.push(entry);
  }
  return segments;
}

/** By how much times of a segment have to be moved to be right by a later clock. */
interface Change {
  readonly stepMs: {
    readonly ms: number;
    /** Whether the clock was certainly set; else the host may have been off for that time. */
    readonly set: boolean;
  };
  /** The same for lines that do not say when they were written. */
  readonly oldLinesMs: number;
}

function changeBetween({ clock, entries }: Segment, later: HostMoment | null): Change {
  if (later === null) return { stepMs: { ms: 0, set: false }, oldLinesMs: 0 };
  // Such a lease started then at the latest; before its last renewal, but that is not written.
  const started = latest(
    entries.filter(({ writtenAtMs }) => writtenAtMs === null).map(({ lease }) => lease.startedAtMs),
  );
  const oldLinesMs = Math.min(0, later.wallMs - started);
  const written = latest([
    clock?.wallMs ?? -Infinity,
    ...entries.map(({ writtenAtMs }) => writtenAtMs ?? -Infinity),
  ]);
  if (clock === null || written === -Infinity) {
    return { stepMs: { ms: oldLinesMs, set: oldLinesMs < 0 }, oldLinesMs };
  }
  const sameStart = clock.bootId !== null && clock.bootId === later.bootId;
  if (sameStart && later.upMs >= clock.upMs) {
    const ms = later.wallMs - clock.wallMs - (later.upMs - clock.upMs);
    const set = Math.abs(ms) >= LEAST_STEP_MS;
    return { stepMs: { ms: set ? ms : 0, set }, oldLinesMs };
  }
  // The host started anew, and how long it was off only its clock can tell, which may be wrong: that time does not count.
  const ms = later.wallMs - written;
  return { stepMs: { ms, set: ms <= -LEAST_STEP_MS }, oldLinesMs };
}

function latest(times: readonly number[]): number {
  return times.reduce((most, time) => Math.max(most, time), -Infinity);
}

function moved(
  lease: Lease,
  byMs: number,
  writtenAtMs: number | null,
  now: HostMoment | null,
): Lease {
  const lasts = writtenAtMs === null ? Infinity : Math.max(0, lease.expiresAtMs - writtenAtMs);
  // Whatever the clocks say: no lease lasts longer than it was granted for.
  const most = now === null ? Infinity : now.wallMs + lasts;
  const expiresAtMs = Math.min(lease.expiresAtMs + byMs, most);
  return { ...lease, expiresAtMs, startedAtMs: lease.startedAtMs + byMs };
}
