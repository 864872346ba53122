import { z } from "zod";
import type { Moment } from "../lib/clock.ts";
import type { Boot, StepDetail } from "./boot.ts";
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

export function bootLine(boot: Boot, { nowMs, wallMs }: Moment): string {
  return `{"n":${boot.number},"boot":${JSON.stringify(shifted(boot, wallMs - nowMs))}}\n`;
}

/** Fields that are moments of the monotonic clock. */
const isMoment = /(^at|^since|At|Since)Ms$/;

/** The same with all moments moved by so many milliseconds. */
function shifted(value: unknown, byMs: number): unknown {
  if (Array.isArray(value)) return value.map((part) => shifted(part, byMs));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      typeof part === "number" && isMoment.test(key)
        ? Math.round(part + byMs)
        : shifted(part, byMs),
    ]),
  );
}

const text = z.string().nullable();
const number = z.number();
const finding = z.object({
  code: z.string(),
  cause: z.string(),
  remedy: z.string(),
  who: z.enum(["site", "network", "orchestrator", "us"]),
});
const step = z.object({
  stage: z.enum(stages),
  firstAtMs: number,
  lastAtMs: number,
  count: number,
  certainty: z.enum(certainties),
  // Looked at value by value, ten thousand boots would take seconds.
  detail: z.custom<StepDetail>((value) => typeof value === "object" && value !== null),
});
const kept = z.looseObject({
  id: z.string(),
  number: z.int(),
  mac: text,
  address: text,
  isAddressProved: z.boolean(),
  uuid: text,
  serial: text,
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
  steps: z.array(step),
  // An observation that a later version makes is missing in what an earlier one wrote.
  seen: z.looseObject({}).transform((seen) => ({ ...nothingObserved, ...seen })),
  attempt: number,
  failingSinceMs: number,
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
    const numbers = [...this.#boots.keys()].toSorted((a, b) => a - b).slice(-most);
    let bytes = 0;
    const boots = numbers.flatMap((n) => {
      const state = this.#boots.get(n) ?? "";
      const events = this.#events.get(n) ?? [];
      const boot = readBoot(state, now);
      if (boot === null) this.#damaged += 1;
      bytes += state.length + events.reduce((sum, event) => sum + event.length, 0);
      return boot === null ? [] : [{ boot, events }];
    });
    return { boots, bytes, damaged: this.#damaged };
  }

  #eventsOf(n: number): string[] {
    const before = this.#events.get(n);
    if (before !== undefined) return before;
    const events: string[] = [];
    this.#events.set(n, events);
    return events;
  }
}

function readBoot(json: string, { nowMs, wallMs }: Moment): Boot | null {
  try {
    const read = kept.parse(JSON.parse(json));
    // Where the clock was set back meanwhile, it was written in the future.
    const byMs = Math.min(nowMs - wallMs, nowMs - read.updatedAtMs);
    return checked.parse(shifted(read, byMs));
  } catch {
    return null;
  }
}
