import { z } from "zod";
import type { Moment } from "../lib/clock.ts";
import type { Boot, Step } from "./boot.ts";
import { asking, mostAsked } from "./boot-history.ts";
import { certainties } from "./certainty.ts";
import { nothingObserved } from "./observations.ts";
import { stages } from "./stages.ts";

/*
 * The lines of the file in which timelines are kept, `timeline.jsonl`. The first line is the header; every
 * other one belongs to the boot with number `n` and is its state at that time or an event of it. The last
 * state of a boot counts. Times of a state are milliseconds since the Unix epoch, by the clock when the line
 * was written: the monotonic clock ends with the process.
 */

export const timelineVersion = 1;

const header = z.object({ format: z.literal("eim-pxe timeline"), version: z.int() });

export const headerLine = `${JSON.stringify({ format: "eim-pxe timeline", version: timelineVersion })}\n`;

/** The version in a file's first line; null where that is no header. */
export function versionOf(line: string): number | null {
  try {
    return header.parse(JSON.parse(line)).version;
  } catch {
    return null;
  }
}

export function eventLine(number: number, event: string): string {
  return `{"n":${number},"event":${event}}\n`;
}

export function bootLine(boot: Boot, now: Moment): string {
  return `{"n":${boot.number},"boot":${bootState(boot, now)}}\n`;
}

/** A boot as JSON, with its moments by the wall clock; `readBoot` reads it. */
export function bootState(boot: Boot, { nowMs, wallMs }: Moment): string {
  const byMs = wallMs - nowMs;
  return JSON.stringify(boot, (key, value: unknown) =>
    typeof value === "number" && isMoment(key) ? moved(value, byMs) : value,
  );
}

/** Fields that are moments of the monotonic clock. */
const moment = /(^at|^since|At|Since)Ms$/;

function isMoment(key: string): boolean {
  return key.endsWith("Ms") && moment.test(key);
}

function moved(value: number, byMs: number): number {
  return Math.round(value + byMs);
}

/** Moves all moments in it by so many milliseconds, in place: ten thousand boots are read at a start. */
function move(value: unknown, byMs: number): void {
  if (Array.isArray(value)) for (const part of value) move(part, byMs);
  else if (isRecord(value)) {
    for (const key of Object.keys(value)) {
      const part = value[key];
      if (typeof part !== "number") move(part, byMs);
      else if (isMoment(key)) value[key] = moved(part, byMs);
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

const text = z.string().nullable();
const number = z.number();
const finding = z.object({
  code: z.string(),
  cause: z.string(),
  remedy: z.string(),
  who: z.enum(["site", "network", "orchestrator", "us"]),
});
const knownStages: ReadonlySet<unknown> = new Set(stages);
const knownCertainties: ReadonlySet<unknown> = new Set(certainties);

/** Schemas for each of the hundred thousand steps of ten thousand boots would take half of a start. */
function isStep(value: unknown): value is Step {
  if (!isRecord(value)) return false;
  const { stage, firstAtMs, lastAtMs, count, certainty, detail } = value;
  return (
    [firstAtMs, lastAtMs, count].every(Number.isFinite) &&
    knownStages.has(stage) &&
    knownCertainties.has(certainty) &&
    isRecord(detail)
  );
}

const kept = z.looseObject({
  id: z.string(),
  number: z.int(),
  mac: text,
  address: text,
  isAddressProved: z.boolean(),
  uuid: text,
  serial: text,
  claims: z.array(z.enum(["uuid", "serial"])).default([]),
  vendor: text,
  model: text,
  generation: text,
  startedWallMs: number,
  startedAtMs: number,
  updatedAtMs: number,
  stage: z.enum(stages),
  refusal: finding.nullable(),
  isLocal: z.boolean(),
  download: z.object({ bytes: number, atMs: number }).nullable(),
  steps: z.custom<readonly Step[]>((steps) => Array.isArray(steps) && steps.every(isStep)),
  // An observation that a later version makes is missing in what an earlier one wrote.
  seen: z
    .looseObject({})
    .transform((seen) => ({ ...nothingObserved, competing: [], aborted: [], ...seen })),
  // Earlier versions kept no list.
  given: z
    .array(
      z.object({ file: z.string(), sha256: text, atMs: number, certainty: z.enum(certainties) }),
    )
    .default([]),
  attempt: number,
  failingSinceMs: number,
  trace: z
    .object({ traceId: z.string(), spanId: z.string(), parentId: text, sampled: z.boolean() })
    .nullish(),
});

/** Has the shape of `kept`, whose observations are those of one version or another. */
const checked = z.custom<Boot>();

/** A boot and what was reported of it, as it is kept. */
export interface KeptBoot {
  readonly boot: Boot;
  readonly events: readonly string[];
}

interface KeptBoots {
  readonly boots: readonly KeptBoot[];
  readonly bytes: number;
  readonly damaged: number;
}

/** Whether a boot did more than ask, by its state as it is written: a step's stage is the first of its fields. */
function hasGoneOn(state: string): boolean {
  for (const [, stage = ""] of state.matchAll(/\{"stage":"([a-z-]+)"/g)) {
    if (!asking.has(stage)) return true;
  }
  return false;
}

/** Takes up the lines of a file, one after the other, and gives the boots that they tell of. */
export class TimelineReader {
  readonly #boots = new Map<number, string>();
  readonly #events = new Map<number, string[]>();
  #damaged = 0;

  add(line: string): void {
    const match = /^\{"n":(\d{1,15}),"(boot|event)":/.exec(line);
    if (match === null || !line.endsWith("}}")) {
      this.#damaged += 1;
      return;
    }
    const [beginning, digits, kind] = match;
    const value = line.slice(beginning.length, -1);
    const n = Number(digits);
    if (kind === "boot") this.#boots.set(n, value);
    else this.#eventsOf(n).push(value);
  }

  /** The newest boots in the order in which they began, what their lines take, and how many could not be read. */
  boots(most: number, now: Moment): KeptBoots {
    let bytes = 0;
    const boots = this.#newest(most).flatMap((n) => {
      const state = this.#boots.get(n) ?? "";
      const events = (this.#events.get(n) ?? []).map(copied);
      const boot = readBoot(state, now);
      if (boot === null) this.#damaged += 1;
      bytes += state.length + events.reduce((sum, event) => sum + event.length, 0);
      return boot === null ? [] : [{ boot, events }];
    });
    return { boots, bytes, damaged: this.#damaged };
  }

  /** The numbers of those that `BootHistory` would have kept, ascending. */
  #newest(most: number): readonly number[] {
    const numbers = [...this.#boots.keys()].toSorted((a, b) => a - b);
    if (numbers.length <= most) return numbers;
    const asked = numbers.filter((n) => !hasGoneOn(this.#boots.get(n) ?? ""));
    const tooMany = Math.min(numbers.length - most, asked.length - mostAsked(most));
    const left = new Set(asked.slice(0, Math.max(0, tooMany)));
    return numbers.filter((n) => !left.has(n)).slice(-most);
  }

  #eventsOf(n: number): string[] {
    const before = this.#events.get(n);
    if (before !== undefined) return before;
    const events: string[] = [];
    this.#events.set(n, events);
    return events;
  }
}

/** A part of a longer text would keep all of that in memory, a mebibyte of the file. */
function copied(part: string): string {
  return Buffer.from(part).toString();
}

/** What `bootState` wrote, with its moments by the steady clock here; null where it is no boot. */
export function readBoot(json: string, { nowMs, wallMs }: Moment): Boot | null {
  try {
    const read = kept.parse(JSON.parse(json));
    // Where the clock was set back meanwhile, it was written in the future.
    const byMs = Math.min(nowMs - wallMs, nowMs - read.updatedAtMs);
    move(read, byMs);
    return checked.parse(read);
  } catch {
    return null;
  }
}
