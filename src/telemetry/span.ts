/** What an attribute may be. */
export type AttributeValue = string | number | boolean | string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly attributes: Attributes;
}

/** A span that has ended, as OpenTelemetry has it. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Null: it begins the trace. */
  readonly parentId: string | null;
  /** The parent is a span of another program. */
  readonly parentIsRemote: boolean;
  readonly sampled: boolean;
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly droppedEvents: number;
  /** Null: nothing went wrong, or nobody knows yet. */
  readonly error: string | null;
}

/** Events of one span; more are counted only. */
const MOST_EVENTS = 32;

/** The events of a span that has not ended, bounded. */
export class SpanEvents {
  readonly #events: SpanEvent[] = [];
  #dropped = 0;

  add(event: SpanEvent): void {
    if (this.#events.length < MOST_EVENTS) this.#events.push(event);
    else this.#dropped += 1;
  }

  get events(): readonly SpanEvent[] {
    return this.#events;
  }

  get dropped(): number {
    return this.#dropped;
  }
}
