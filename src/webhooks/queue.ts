import { z } from "zod";

/** An event that has to be delivered: its id, and the body that is sent. */
export interface QueuedEvent {
  readonly id: string;
  /** A CloudEvent as JSON, in one line. */
  readonly body: string;
}

const line = z.union([
  z.object({ event: z.looseObject({ id: z.string().min(1) }) }),
  z.object({ done: z.string() }),
]);

/**
 * What one webhook has to be told, the oldest first, and never more than so many: where one more comes the oldest is
 * dropped. Its lines are what `queue-file.ts` appends.
 */
export class WebhookQueue {
  readonly #most: number;
  readonly #waiting = new Map<string, string>();
  #characters = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Of the bodies that wait. */
  get characters(): number {
    return this.#characters;
  }

  get size(): number {
    return this.#waiting.size;
  }

  first(): QueuedEvent | null {
    for (const [id, body] of this.#waiting) return { id, body };
    return null;
  }

  /** Adds one at the end. Returns the ids of those that had to go for it. */
  add({ id, body }: QueuedEvent): readonly string[] {
    this.#put(id, body);
    return this.#dropped();
  }

  /** It is delivered, or given up. False: it was not there any more. */
  remove(id: string): boolean {
    this.#characters -= this.#waiting.get(id)?.length ?? 0;
    return this.#waiting.delete(id);
  }

  /** The file's lines for what waits now. */
  lines(): string {
    return [...this.#waiting.values()].map(addedLine).join("");
  }

  /**
   * Takes up what a file has, in place of what is there. A line that is damaged or was not written to its end is left out.
   *
   * @returns how many lines were left out, and how many events were dropped because fewer are kept now
   */
  restore(text: string): { readonly damaged: number; readonly dropped: number } {
    this.#waiting.clear();
    this.#characters = 0;
    let damaged = 0;
    for (const one of text.split("\n")) {
      if (one === "") continue;
      const read = line.safeParse(jsonIn(one));
      if (!read.success) damaged += 1;
      else if ("done" in read.data) this.remove(read.data.done);
      else this.#put(read.data.event.id, bodyIn(one));
    }
    return { damaged, dropped: this.#dropped().length };
  }

  #put(id: string, body: string): void {
    this.remove(id);
    this.#waiting.set(id, body);
    this.#characters += body.length;
  }

  #dropped(): readonly string[] {
    const gone: string[] = [];
    for (const id of this.#waiting.keys()) {
      if (this.#waiting.size <= this.#most) break;
      this.remove(id);
      gone.push(id);
    }
    return gone;
  }
}

/** One more waits. */
export function addedLine(body: string): string {
  return `{"event":${body}}\n`;
}

/** The body in a line of that form, byte for byte. */
function bodyIn(added: string): string {
  return added.slice('{"event":'.length, -1);
}

/** It waits no longer. */
export function doneLine(id: string): string {
  return `${JSON.stringify({ done: id })}\n`;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
