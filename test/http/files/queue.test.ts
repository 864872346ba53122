import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DownloadQueue, type Place } from "../../../src/http/files/queue.ts";

let nowMs = 0;
let said: string[] = [];
const places = new Map<string, Place>();

beforeEach(() => {
  nowMs = 0;
  said = [];
  places.clear();
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => vi.useRealTimers());

function queueOf(machines: number): DownloadQueue {
  return new DownloadQueue({ places: machines, clock: { now: () => nowMs } });
}

/** A request; what becomes of it is noted under `name`. */
function ask(queue: DownloadQueue, client: string, name = client): () => void {
  return queue.enter(client, {
    admitted: (place) => {
      places.set(name, place);
      said.push(`${name} begins`);
    },
    waits: (ahead) => said.push(`${name} waits behind ${ahead}`),
    asksAgain: (seconds) => said.push(`${name} asks again in ${seconds} s`),
    left: () => said.push(`${name} has left`),
  });
}

function pass(ms: number): void {
  for (let step = 0; step < ms; step += 500) {
    nowMs += 500;
    vi.advanceTimersByTime(500);
  }
}

/** What was said since this was asked last. */
function heard(): string[] {
  return said.splice(0);
}

describe("the queue of downloads", () => {
  test("is first come, first served", () => {
    const queue = queueOf(2);
    for (const client of ["a", "b", "c", "d"]) ask(queue, client);
    expect(heard()).toEqual(["a begins", "b begins", "c waits behind 0", "d waits behind 1"]);
    places.get("b")?.end(true);
    expect(heard()).toEqual(["c begins"]);
    places.get("a")?.end(true);
    expect(heard()).toEqual(["d begins"]);
  });

  test("admits at once who need not wait, and has not waited, whatever the clock does", () => {
    let reads = 0;
    const queue = new DownloadQueue({ places: 1, clock: { now: () => (reads += 1) } });
    const waited: number[] = [];
    queue.enter("a", {
      admitted: (_place, waitedMs) => waited.push(waitedMs),
      waits: () => {},
      asksAgain: () => {},
      left: () => {},
    });
    expect(waited).toEqual([0]);
    queue.close();
  });

  test("is by machine: who has a place begins its other downloads at once", () => {
    const queue = queueOf(1);
    ask(queue, "a", "kernel");
    ask(queue, "b");
    places.get("kernel")?.end(false);
    ask(queue, "a", "initramfs");
    ask(queue, "a", "second part");
    expect(heard()).toEqual([
      "kernel begins",
      "b waits behind 0",
      "initramfs begins",
      "second part begins",
    ]);
    places.get("initramfs")?.end(true);
    expect(heard()).toEqual([]);
    places.get("second part")?.end(true);
    expect(heard()).toEqual(["b begins"]);
  });

  test("gives the place of a machine that comes for nothing more to the next after three seconds", () => {
    const queue = queueOf(1);
    ask(queue, "a");
    ask(queue, "b");
    places.get("a")?.end(false);
    heard();
    pass(2500);
    expect(heard()).toEqual([]);
    pass(500);
    expect(heard()).toEqual(["b begins"]);
  });

  test("says every few seconds how many are before a machine", () => {
    const queue = queueOf(1);
    for (const client of ["a", "b", "c"]) ask(queue, client);
    places.get("a")?.end(true);
    heard();
    pass(5000);
    expect(heard()).toEqual(["c waits behind 0"]);
  });

  test("loses a machine whose connection ends", () => {
    const queue = queueOf(1);
    ask(queue, "a");
    const leave = ask(queue, "b");
    ask(queue, "c");
    heard();
    leave();
    expect(queue.waiting).toBe(1);
    places.get("a")?.end(true);
    expect(heard()).toEqual(["c begins"]);
    leave();
    expect(queue.waiting).toBe(0);
  });

  test("keeps the place in the line of one that was asked to come again", () => {
    const queue = queueOf(1);
    for (const client of ["a", "b", "c"]) ask(queue, client);
    pass(19_500);
    places.get("a")?.moved();
    heard();
    pass(500);
    expect(heard()).toEqual([
      "b waits behind 0",
      "b asks again in 3 s",
      "c waits behind 1",
      "c asks again in 3 s",
    ]);
    ask(queue, "c");
    ask(queue, "b");
    expect(heard()).toEqual(["c waits behind 1", "b waits behind 0"]);
    places.get("a")?.end(true);
    expect(heard()).toEqual(["b begins"]);
  });

  test("passes over one that was asked to come again and has not, and forgets it", () => {
    const queue = queueOf(1);
    ask(queue, "a");
    ask(queue, "gone");
    pass(20_000);
    places.get("a")?.moved();
    ask(queue, "b");
    heard();
    places.get("a")?.end(true);
    expect(heard()).toEqual(["b begins"]);
    pass(20_000);
    expect(heard()).toEqual(["gone has left"]);
    expect(queue.waiting).toBe(0);
  });

  test("does not wait for a machine that takes nothing", () => {
    const queue = queueOf(1);
    ask(queue, "switched off");
    pass(20_000);
    ask(queue, "b");
    heard();
    pass(10_000);
    expect(heard()).toEqual(["b waits behind 0", "b begins"]);
    // It goes on beside the other, and takes no place of anybody's.
    places.get("switched off")?.moved();
    ask(queue, "c");
    expect(heard()).toEqual(["c waits behind 0"]);
    places.get("switched off")?.end(true);
    expect(heard()).toEqual([]);
    places.get("b")?.end(true);
    expect(heard()).toEqual(["c begins"]);
  });

  test("has no timer when nobody waits", () => {
    const queue = queueOf(1);
    ask(queue, "a");
    expect(vi.getTimerCount()).toBe(0);
    ask(queue, "b");
    expect(vi.getTimerCount()).toBe(1);
    places.get("a")?.end(true);
    expect(vi.getTimerCount()).toBe(0);
    ask(queue, "c");
    queue.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
