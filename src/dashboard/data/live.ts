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
    try {
      const headers: HeadersInit = lastId === null ? {} : { "last-event-id": lastId };
      const reply = await fetch("/api/v1/events", { headers, signal });
      if (reply.ok && reply.body !== null) {
        listener.state("open");
        // What happened while there was no stream is in no event that comes.
        if (lastId === null) listener.reset();
        waitMs = firstWaitMs;
        for await (const block of blocksOf(reply.body)) {
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
    }
    if (signal.aborted) return;
    listener.state("lost");
    await pause(waitMs);
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}

async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
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
