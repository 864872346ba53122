import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { Suppression } from "./suppression.ts";
import type { Emit, PxeEvent } from "./types.ts";

/*
 * The way of every event from whoever emits it to whoever reports or uses it.
 *
 * The subscribers hear each event in the order in which they were attached; `daemon/subscribers.ts` is the
 * list. What hands out content depends on the first of them, the timeline's recorder: the generation that
 * a boot holds is what the recorder noted of the boot's script, so by the time that `emit` returns it has
 * to be noted, whether or not anything is logged.
 */

export interface Subscriber {
  /** What people know it by, in event `subscriber-failed`. */
  readonly name: string;
  /** Fills in what it knows of an event, before any subscriber hears it. */
  readonly complete?: (event: PxeEvent) => PxeEvent;
  /** `shown`: without those that a rule of the catalogue leaves out for now. */
  readonly hears: "every" | "shown";
  /** Never waits. What it emits itself is heard by all after they have heard this event. */
  readonly hear: (event: PxeEvent, isShown: boolean) => void;
}

/** Hears what is shown, after those that were attached at the start. */
export type Listener = (event: PxeEvent) => void;

/**
 * Hands every event to every subscriber that is to hear it. `emit` never throws: a subscriber that fails harms neither who
 * emits nor the other subscribers.
 */
export class EventBus {
  readonly #suppression: Suppression;
  readonly #subscribers: Subscriber[] = [];
  readonly #streams = new Set<Subscriber>();
  /** Emitted, and not heard by all yet. */
  readonly #waiting: PxeEvent[] = [];
  #delivering = false;
  /** Subscribers whose failure was reported. */
  readonly #failed = new Set<string>();

  constructor(clock: Clock) {
    this.#suppression = new Suppression(clock);
  }

  /** Adds subscribers, each behind those that are there already. */
  attach(subscribers: readonly Subscriber[]): void {
    this.#subscribers.push(...subscribers);
  }

  /** Hears what is shown from now on, behind all attached subscribers, until the returned function is called. */
  subscribe(listener: Listener): () => void {
    const stream: Subscriber = { name: "stream", hears: "shown", hear: listener };
    this.#streams.add(stream);
    return () => this.#streams.delete(stream);
  }

  /** Returns when all have heard the event; within a subscriber it returns at once, and they hear it next. */
  readonly emit: Emit = (event) => {
    this.#waiting.push(event);
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#deliver(next);
    }
    this.#delivering = false;
  };

  // Thousands of events come in a second of a boot storm: no function and no list is made for one.
  #deliver(emitted: PxeEvent): void {
    let event = emitted;
    for (const subscriber of this.#subscribers) {
      if (subscriber.complete === undefined) continue;
      try {
        event = subscriber.complete(event);
      } catch (error) {
        this.#fails(subscriber, error);
      }
    }
    const shown = this.#suppression.shown(event);
    for (const subscriber of this.#subscribers) this.#tell(subscriber, event, shown);
    for (const stream of this.#streams) this.#tell(stream, event, shown);
  }

  #tell(subscriber: Subscriber, event: PxeEvent, shown: PxeEvent | null): void {
    const heard = subscriber.hears === "every" ? event : shown;
    if (heard === null) return;
    try {
      subscriber.hear(heard, shown !== null);
    } catch (error) {
      this.#fails(subscriber, error);
    }
  }

  #fails({ name }: Subscriber, error: unknown): void {
    // Once: it is a fault of the program's, and may come with each event, also with this very report.
    if (this.#failed.has(name)) return;
    this.#failed.add(name);
    this.emit({ event: "subscriber-failed", subscriber: name, reason: messageOf(error) });
  }
}
