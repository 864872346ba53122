import { jsonWithConfig } from "../../events/own-commands.ts";
import type { StreamedEvent } from "./context.ts";

interface Remembered {
  readonly sequence: number;
  readonly event: StreamedEvent;
  /** As the stream sends it; null until the first stream sends it. */
  text: string | null;
}

/**
 * The last events, for all streams: each is made into text once, however many read it, and a reader whose
 * connection broke goes on where it stopped. Their number is bounded.
 */
export class EventMemory {
  /** Tells the identifiers of this run from those of every other. */
  readonly #instance: string;
  readonly #size: number;
  readonly #configFile: string | null;
  /** The oldest first; sequences without a gap. */
  #events: Remembered[] = [];
  #sequence = 0;

  /** `configFile`: the configuration that commands in texts have to name; null: the default one. */
  constructor(instance: string, size: number, configFile: string | null = null) {
    this.#instance = instance;
    this.#size = size;
    this.#configFile = configFile;
  }

  add(event: StreamedEvent): void {
    this.#sequence += 1;
    this.#events.push({ sequence: this.#sequence, event, text: null });
    // Not one by one: to take the first from a list moves all others.
    if (this.#events.length >= 2 * this.#size) this.#events = this.#events.slice(-this.#size);
  }

  /** Of the last event. */
  get sequence(): number {
    return this.#sequence;
  }

  /** What a reader sends as `Last-Event-ID` that has read up to there. */
  idOf(sequence: number): string {
    return `${this.#instance}:${sequence}`;
  }

  /** The sequence that a reader's `Last-Event-ID` stands for; null when what came after it is not all here. */
  sequenceOf(id: string): number | null {
    const colon = id.lastIndexOf(":");
    const digits = id.slice(colon + 1);
    if (id.slice(0, Math.max(colon, 0)) !== this.#instance || !/^\d{1,15}$/.test(digits))
      return null;
    const sequence = Number(digits);
    return this.#sequence - this.#events.length <= sequence && sequence <= this.#sequence
      ? sequence
      : null;
  }

  /** The messages of all events after this one, as server-sent events. */
  textAfter(sequence: number): string {
    const count = Math.min(this.#sequence - sequence, this.#events.length);
    if (count <= 0) return "";
    return this.#events
      .slice(-count)
      .map((one) => (one.text ??= this.#textOf(one)))
      .join("");
  }

  #textOf({ sequence, event }: Remembered): string {
    const data = jsonWithConfig(JSON.stringify(event), this.#configFile);
    return `id: ${this.idOf(sequence)}\nevent: ${event.event}\ndata: ${data}\n\n`;
  }
}
