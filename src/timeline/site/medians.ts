import type { Boot } from "../boot.ts";
import { type Stage, stages } from "../stages.ts";

export interface StageMedian {
  readonly stage: Stage;
  /** From the start of the boot. */
  readonly afterMs: number;
  /** How many boots it is made of. */
  readonly boots: number;
}

/** When boots reach each stage: what tells "wait" from "act". Stages that none reached are left out. */
export function stageMedians(boots: readonly Boot[]): readonly StageMedian[] {
  return stages.flatMap((stage) => {
    const times = boots.flatMap(({ steps, startedAtMs }) => {
      const step = steps.find((one) => one.stage === stage);
      return step === undefined ? [] : [step.firstAtMs - startedAtMs];
    });
    const median = medianOf(times);
    return median === null ? [] : [{ stage, afterMs: Math.round(median), boots: times.length }];
  });
}

function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? upper) : upper;
  return (lower + upper) / 2;
}

/** How many boots began, and how many of them came up, in each of the last `count` hours, oldest first. */
export function bootsByHour(
  boots: readonly Boot[],
  wallMs: number,
  count: number,
): readonly { readonly startedWallMs: number; readonly boots: number; readonly up: number }[] {
  const hourMs = 3_600_000;
  const first = Math.floor(wallMs / hourMs) - count + 1;
  const hours = Array.from({ length: count }, (_, index) => ({
    startedWallMs: (first + index) * hourMs,
    boots: 0,
    up: 0,
  }));
  for (const boot of boots) {
    const hour = hours[Math.floor(boot.startedWallMs / hourMs) - first];
    if (hour === undefined) continue;
    hour.boots += 1;
    if (boot.stage === "micro-os") hour.up += 1;
  }
  return hours;
}
