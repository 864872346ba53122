/**
 * The stream of events. It is read by `fetch`, so that a refusal can be told from a broken line, and goes on
 * from the last event that was read.
 */

export interface LiveEvent {
  readonly event: string;
  readonly mac?: string | null;
  readonly [field: string]: unknown;
}

export interface LiveListener {
  readonly event: (event: LiveEvent) => void;
  /** Not everything since the last event is known: read the lists again. */
  readonly reset: () => void;
  readonly state: (state: "opening" | "open" | "lost") => void;
}

const firstWaitMs = 500;
const longestWaitMs = 10_000;
/** The server says something every 15 seconds. Where it lost its power, or a cable was pulled, no end of the line is heard. */
const longestSilenceMs = 40_000;

/** Follows the events until the returned function is called. */
export function follow(listener: LiveListener): () => void {
  const stop = new AbortController();
  void run(listener, stop.signal);
  return () => stop.abort();
}

async function run(listener: LiveListener, signal: AbortSignal): Promise<void> {
  let lastId: string | null = null;
  let waitMs = firstWaitMs;
  listener.state("opening");
  while (!signal.aborted) {
    const line = new Line(signal);
    try {
      const headers: Record<string, string> = lastId === null ? {} : { "last-event-id": lastId };
      const reply = await fetch("/api/v1/events", { headers, signal: line.signal });
      if (reply.ok && reply.body !== null) {
        listener.state("open");
        // What happened while there was no stream is in no event that comes.
        if (lastId === null) listener.reset();
        waitMs = firstWaitMs;
        for await (const block of blocksOf(reply.body, () => line.heard())) {
          const id = fieldOf(block, "id");
          if (id !== null) lastId = id;
          const data = fieldOf(block, "data");
          if (data === null) continue;
          const event: LiveEvent = JSON.parse(data);
          if (event.event === "reset") listener.reset();
          else listener.event(event);
        }
      }
    } catch {
      // A broken line; the next try goes on where this one ended.
    } finally {
      line.close();
    }
    if (signal.aborted) return;
    listener.state("lost");
    await pause(waitMs);
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}

/** A request and its answer, which are given up when nothing is heard for long. */
class Line {
  readonly #end = new AbortController();
  readonly #outer: AbortSignal;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal) {
    this.#outer = outer;
    outer.addEventListener("abort", this.#abort);
    this.heard();
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(this.#abort, longestSilenceMs);
  }

  close(): void {
    clearTimeout(this.#silence);
    this.#outer.removeEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => this.#end.abort();
}

async function* blocksOf(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    text += decoder.decode(value, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    yield* blocks;
  }
}

function fieldOf(block: string, name: string): string | null {
  const line = block.split("\n").find((one) => one.startsWith(`${name}: `));
  return line === undefined ? null : line.slice(name.length + 2);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
