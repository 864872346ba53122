import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow, type LiveEvent } from "../../src/dashboard/data/live.ts";

/** What was asked, and the line of each: what it sends, and whether the reader gave it up. */
let asked: { readonly lastId: string | null; send(text: string): void }[];
let states: string[];
let events: LiveEvent[];
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  [asked, states, events] = [[], [], []];
  vi.stubGlobal("fetch", (_url: string, { headers, signal }: RequestInit) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
        asked.push({
          lastId: new Headers(headers).get("last-event-id"),
          send: (text) => controller.enqueue(new TextEncoder().encode(text)),
        });
      },
    });
    return Promise.resolve(new Response(body));
  });
  stop = follow({
    event: (event) => void events.push(event),
    reset: () => {},
    state: (state) => void states.push(state),
  });
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

test("a line on which nothing comes any more is given up, said to be lost, and gone on with", async () => {
  await pass(0);
  asked[0]?.send('id: a:7\nevent: ready\ndata: {"event":"ready"}\n\n');
  await pass(39);
  expect([asked.length, states.at(-1)]).toEqual([1, "open"]);
  await pass(1);
  expect(states.at(-1)).toBe("lost");
  await pass(1);
  expect(asked.map(({ lastId }) => lastId)).toEqual([null, "a:7"]);
  expect([states.at(-1), events]).toEqual(["open", [{ event: "ready" }]]);
});

test("a line on which only the server's sign of life comes is kept", async () => {
  await pass(0);
  for (let beat = 0; beat < 20; beat += 1) {
    asked[0]?.send(": still here\n\n");
    await pass(15);
  }
  expect([asked.length, states]).toEqual([1, ["opening", "open"]]);
});
