import type { Clock } from "../lib/clock.ts";
import { TokenBucket, TokenBuckets } from "../lib/token-bucket.ts";
import { bytesOfUnknown, lineLimits, linesOfSender } from "./catalogue/entry.ts";
import { eventCatalogue } from "./catalogue.ts";
import type { EventName, PxeEvent } from "./types.ts";

/** What people do is in the log, whatever goes on on the wire. */
const byPeople: ReadonlySet<EventName> = new Set<EventName>([
  "node-decided",
  "wake-sent",
  "way-forgotten",
]);

/** Senders and events whose rate is remembered. Network clients make up what they like. */
const MOST_SENDERS = 16_384;
/** What a line has besides the event's fields and its message: level, time, quotes. */
const FRAME_BYTES = 80;
/** Where lines are left out all the time, it is not said with each that is not. */
const TELL_EVERY_MS = 10_000;

interface Window {
  readonly endsAtMs: number;
  room: number;
}

interface OfOneEvent {
  windows: readonly Window[];
  readonly unknownBytes: TokenBucket;
  left: number;
  toldAtMs: number;
}

/**
 * Which events the log has a line for. Of each event it has room for `lineLimits`; of one sender's for `linesOfSender`; and of
 * all senders together that no known machine is, for `bytesOfUnknown`: whoever makes up machines neither fills the disk nor
 * takes the place of the site's own in the log. Bounded in memory.
 */
export class LineLimit {
  readonly #clock: Clock;
  readonly #events = new Map<EventName, OfOneEvent>();
  readonly #senders = new TokenBuckets<string>(linesOfSender, MOST_SENDERS);
  readonly #unknownBytes: TokenBucket;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#unknownBytes = new TokenBucket(bytesOfUnknown.all, clock.now());
  }

  /**
   * How many lines of this event were left out before this one, which counts, where that is to be told; null when there is
   * no room for it.
   *
   * @param isKnown whether the event is of a machine that is known by more than its own word
   */
  take(event: PxeEvent, isKnown: boolean): number | null {
    const nowMs = this.#clock.now();
    const one = this.#ofEvent(event.event, nowMs);
    if (!this.#hasRoom(event, one, isKnown, nowMs)) {
      one.left += 1;
      return null;
    }
    if (one.left === 0 || nowMs - one.toldAtMs < TELL_EVERY_MS) return 0;
    const { left } = one;
    one.left = 0;
    one.toldAtMs = nowMs;
    return left;
  }

  #hasRoom(event: PxeEvent, one: OfOneEvent, isKnown: boolean, nowMs: number): boolean {
    const sender = senderOf(event);
    one.windows = lineLimits.map(({ most, withinMs }, index): Window => {
      const window = one.windows[index];
      return window === undefined || nowMs >= window.endsAtMs
        ? { endsAtMs: nowMs + withinMs, room: most }
        : window;
    });
    if (one.windows.some(({ room }) => room <= 0)) return false;
    // Lines of known machines' logs have limits of their own before they are an event (`syslog/limits.ts`).
    const hasRate = sender !== null && !(isKnown && event.event === "syslog");
    // Who is over its own rate takes nothing of what is for all.
    if (hasRate && !this.#senders.take(`${event.event} ${sender}`, nowMs)) return false;
    if (sender !== null && !isKnown) {
      const bytes = bytesOf(event);
      if (!one.unknownBytes.take(nowMs, bytes)) return false;
      if (!this.#unknownBytes.take(nowMs, bytes)) return false;
    }
    for (const window of one.windows) window.room -= 1;
    return true;
  }

  #ofEvent(name: EventName, nowMs: number): OfOneEvent {
    const known = this.#events.get(name);
    if (known !== undefined) return known;
    const unknownBytes = new TokenBucket(bytesOfUnknown.ofOneEvent, nowMs);
    const made: OfOneEvent = { windows: [], unknownBytes, left: 0, toldAtMs: -Infinity };
    this.#events.set(name, made);
    return made;
  }
}

/** Who brought the event about by what it sent; null: nobody on the link. */
function senderOf(event: PxeEvent): string | null {
  if (byPeople.has(event.event)) return null;
  if (!("mac" in event)) return "from" in event ? event.from : null;
  return event.mac ?? event.address ?? "unknown";
}

function bytesOf(event: PxeEvent): number {
  return JSON.stringify(event).length + eventCatalogue[event.event].message.length + FRAME_BYTES;
}
