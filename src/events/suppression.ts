import { BoundedMap } from "../lib/bounded-map.ts";
import type { Clock } from "../lib/clock.ts";
import type { ShowRule } from "./catalogue/entry.ts";
import { eventCatalogue } from "./catalogue.ts";
import type { PxeEvent } from "./types.ts";

/** Cases of one event name that are remembered. Network clients make up what they like. */
const MOST_CASES = 1024;

type Fields = ReadonlyMap<string, unknown>;

/** A case of an event with a rule, since it was last shown. */
interface Case {
  readonly key: string;
  /** The fields that make it. */
  readonly fields: Fields;
  readonly shownAtMs: number;
  /** For how long after that it is left out. */
  readonly quietMs: number;
  seenAtMs: number;
  /** Of those that were left out: what the rule's `sum` names. */
  sum: number;
}

type Cases = BoundedMap<string, Case>;

/** Which events the log and the streams show, by the rules of the catalogue. Bounded in memory. */
export class Suppression {
  readonly #clock: Clock;
  readonly #cases = new Map<string, Cases>();
  /** By the name of an event: those whose cases it ends. */
  readonly #endedBy = new Map<string, readonly string[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
    for (const [name, { show }] of Object.entries(eventCatalogue)) {
      if (show === undefined) continue;
      this.#cases.set(name, new BoundedMap(MOST_CASES));
      const { until } = show;
      if (until !== undefined) {
        this.#endedBy.set(until, [...(this.#endedBy.get(until) ?? []), name]);
      }
    }
  }

  /** The event as it is to be shown; null when it is left out. */
  shown(event: PxeEvent): PxeEvent | null {
    const ends = this.#endedBy.get(event.event);
    if (ends !== undefined) this.#end(ends, fieldsOf(event));
    const rule: ShowRule | undefined = eventCatalogue[event.event].show;
    const cases = this.#cases.get(event.event);
    return rule === undefined || cases === undefined ? event : this.#ruled(event, rule, cases);
  }

  #ruled(event: PxeEvent, rule: ShowRule, cases: Cases): PxeEvent | null {
    const { every, by, upTo = every, sum } = rule;
    const nowMs = this.#clock.now();
    const all = fieldsOf(event);
    const fields = new Map(by.map((field) => [field, all.get(field)]));
    const key = JSON.stringify([...fields.values()]);
    const amount = sum === undefined ? 0 : Number(all.get(sum));
    const former = cases.get(key);
    if (former !== undefined && nowMs - former.shownAtMs < former.quietMs) {
      former.seenAtMs = nowMs;
      former.sum += amount;
      return null;
    }
    const goesOn = former !== undefined && nowMs - former.seenAtMs < every;
    const quietMs = goesOn ? Math.min(former.quietMs * 2, upTo) : every;
    const next = { key, fields, shownAtMs: nowMs, quietMs, seenAtMs: nowMs, sum: 0 };
    cases.set(key, next);
    return sum === undefined ? event : { ...event, [sum]: amount + (former?.sum ?? 0) };
  }

  /** Forgets the cases of these events that agree with the fields of what ends them. */
  #end(names: readonly string[], ending: Fields): void {
    for (const name of names) {
      const cases = this.#cases.get(name);
      for (const { key, fields } of cases?.values() ?? []) {
        const agrees = [...fields].every(
          ([field, value]) => !ending.has(field) || ending.get(field) === value,
        );
        if (agrees) cases?.delete(key);
      }
    }
  }
}

function fieldsOf(event: PxeEvent): Fields {
  return new Map<string, unknown>(Object.entries(event));
}
