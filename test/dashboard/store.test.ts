import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Store } from "../../src/dashboard/data/store.ts";

/** A server of so many machines that all booted; none of its events is told. */
let machines: number;
let isAway: boolean;
let store: Store;

const macOf = (n: number) =>
  `52:54:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;

function answer(url: URL, signal: AbortSignal | null | undefined): object | ReadableStream {
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const end = Math.min(machines, from + Number(url.searchParams.get("limit")));
  const page = Array.from({ length: end - from }, (_, index) => ({ mac: macOf(from + index) }));
  const next = end < machines ? `${end}` : null;
  switch (url.pathname) {
    case "/api/v1/events":
      return new ReadableStream<Uint8Array>({
        start(controller) {
          signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
        },
      });
    case "/api/v1/site":
      return { now: "2026-03-06T10:00:00.000Z", origin: null };
    case "/api/v1/boots":
      return { boots: page.map((one) => ({ ...one, status: "stalled" })), next };
    default:
      return { nodes: page, next };
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  [machines, isAway] = [3, false];
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("fetch", async (path: string, { signal }: RequestInit) => {
    const url = new URL(path, "http://localhost");
    if (isAway) {
      // As where a cable was pulled: nothing comes, until the asking ends.
      await new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
      });
    }
    const given = answer(url, signal);
    return new Response(given instanceof ReadableStream ? given : JSON.stringify(given));
  });
  store = new Store();
});
afterEach(() => {
  store.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

test("ten thousand machines are kept, each with its last boot", async () => {
  machines = 10_000;
  store.start();
  await pass(10);
  expect(store.shown.machines.size).toBe(10_000);
  const bootless = [...store.shown.machines.values()].filter(({ boot }) => boot === null);
  expect(bootless.length).toBe(0);
});

test("a server that does not answer any more is said to be away, and then to be back", async () => {
  store.start();
  await pass(2);
  expect([store.shown.away, store.shown.site?.now]).toEqual([false, "2026-03-06T10:00:00.000Z"]);
  isAway = true;
  await pass(75);
  expect([store.shown.away, store.shown.live]).toEqual([true, "lost"]);
  isAway = false;
  await pass(45);
  expect([store.shown.away, store.shown.live]).toEqual([false, "open"]);
});
