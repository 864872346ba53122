import type { EventFields, EventName } from "../types.ts";

export type Level = "debug" | "info" | "warn" | "error";

/** The level and the words of an event, and how often it is shown. */
export interface EventEntry<Name extends EventName> {
  readonly level: Level;
  /** The constant text of the log line. */
  readonly message: string;
  /** For operators: what it means and what to do. */
  readonly meaning: string;
  /** Default: each is shown. */
  readonly show?: ShowRuleOf<Name>;
}

/**
 * How often the log and the streams show an event that may come with every packet or at every look. The
 * timeline and the metrics hear of each.
 */
export interface ShowRule {
  /** Milliseconds in which one case is shown once. */
  readonly every: number;
  /** The fields that make a case: events that differ in one of them are shown independently. */
  readonly by: readonly string[];
  /** While a case goes on, `every` doubles each time it is shown, up to this. */
  readonly upTo?: number;
  /** An event of this name ends the cases whose fields it has, so that the next one is shown at once. */
  readonly until?: EventName;
  /** A number of the event; what is shown has its sum since this case was last shown. */
  readonly sum?: string;
}

interface ShowRuleOf<Name extends EventName> extends ShowRule {
  readonly by: readonly FieldOf<Name>[];
  readonly sum?: NumberOf<Name>;
}

type FieldOf<Name extends EventName> = Name extends EventName
  ? keyof EventFields[Name] & string
  : never;
type NumberOf<Name extends EventName> = Name extends EventName
  ? {
      [Field in FieldOf<Name>]: Field extends keyof EventFields[Name]
        ? EventFields[Name][Field] extends number
          ? Field
          : never
        : never;
    }[FieldOf<Name>]
  : never;

/** Some events by their names. */
export type Entries = { readonly [Name in EventName]?: EventEntry<Name> };

/** Lines of one event that the log has room for: the last bound, whatever happens. */
export const lineLimits: readonly { readonly most: number; readonly withinMs: number }[] = [
  { most: 100, withinMs: 1000 },
  { most: 20_000, withinMs: 3_600_000 },
];

/** Lines of one event of one machine or address: those of some boots at once, then so many each second. */
export const linesOfSender = { burst: 200, perSecond: 0.5 };

/**
 * What the log has room for, in bytes, of machines that are not known by more than their own word, and of addresses of no
 * machine's: all of them together, and of one event. The first lines of seven hundred new machines at once, and
 * well below a megabyte in each minute, whatever a hostile neighbour sends.
 */
export const bytesOfUnknown = {
  all: { burst: 400_000, perSecond: 2500 },
  ofOneEvent: { burst: 200_000, perSecond: 1000 },
};
