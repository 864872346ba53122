import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Sender, Turns } from "../../../src/http/files/turns.ts";

const kibibyte = 1024;
let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ["setImmediate", "setTimeout"] });
});
afterEach(() => vi.useRealTimers());

/** Senders that always have something to send, and what each client got. */
function crowd(turns: Turns, clients: readonly string[]) {
  const got = new Map<string, number>();
  const largest: number[] = [];
  const order: string[] = [];
  for (const client of clients) {
    const sender: Sender = {
      client,
      send: (share) => {
        got.set(client, (got.get(client) ?? 0) + share);
        largest.push(share);
        order.push(client);
        turns.sent(share);
        turns.ask(sender);
        return share;
      },
    };
    turns.join();
    turns.ask(sender);
  }
  return { got, largest, order };
}

/** Lets `ms` pass in steps of one. */
function pass(ms: number): void {
  for (let step = 0; step < ms; step += 1) {
    nowMs += 1;
    vi.advanceTimersByTime(1);
  }
}

describe("turns", () => {
  const clock = { now: () => nowMs };

  test("go round the clients, however many downloads each has", () => {
    const turns = new Turns({ maxBytesPerSecond: null, clock });
    const { order } = crowd(turns, ["a", "a", "a", "b", "a", "c"]);
    for (let turn = 0; turn < 6; turn += 1) vi.advanceTimersToNextTimer();
    expect(order.join("")).toBe("abcabc");
  });

  test("leave the event loop to others after two megabytes", () => {
    const turns = new Turns({ maxBytesPerSecond: null, clock });
    const { order } = crowd(
      turns,
      Array.from({ length: 500 }, (_, index) => `${index}`),
    );
    vi.advanceTimersToNextTimer();
    expect(order).toHaveLength(1);
    for (let turn = 0; turn < 499; turn += 1) vi.advanceTimersToNextTimer();
    expect(new Set(order).size).toBe(500);
  });

  test("begin at once, two megabytes in one turn of the event loop, and never before those that wait", () => {
    const turns = new Turns({ maxBytesPerSecond: null, clock });
    const order: string[] = [];
    const once = (client: string): Sender => ({
      client,
      send: () => {
        order.push(client);
        return 1024 * kibibyte;
      },
    });
    for (const client of ["a", "b", "c", "d"]) turns.begin(once(client));
    expect(order).toEqual(["a", "b"]);
    vi.advanceTimersToNextTimer();
    expect(order).toEqual(["a", "b", "c", "d"]);
    turns.ask(once("e"));
    turns.begin(once("f"));
    expect(order).toHaveLength(4);
    vi.advanceTimersToNextTimer();
    vi.advanceTimersToNextTimer();
    turns.begin(once("g"));
    expect(order.join("")).toBe("abcdefg");
  });

  test("do not begin at once where a rate is to be kept", () => {
    const turns = new Turns({ maxBytesPerSecond: 1_000_000, clock });
    let share = 0;
    turns.begin({ client: "a", send: (most) => (share = most) });
    expect(share).toBe(0);
    vi.advanceTimersToNextTimer();
    expect(share).toBe(50_000);
  });

  test("keep a rate, and share it between the clients", () => {
    const bytesPerSecond = 1_000_000;
    const turns = new Turns({ maxBytesPerSecond: bytesPerSecond, clock });
    const { got, largest } = crowd(turns, ["a", "b", "a", "a", "c", "a", "a"]);
    pass(10_000);
    const sum = [...got.values()].reduce((all, bytes) => all + bytes, 0);
    expect(sum).toBeGreaterThan(10 * bytesPerSecond * 0.98);
    expect(sum).toBeLessThan(10 * bytesPerSecond * 1.02);
    expect(Math.max(...largest)).toBeLessThanOrEqual(50_000);
    for (const client of ["a", "b", "c"]) {
      expect((got.get(client) ?? 0) / sum).toBeCloseTo(1 / 3, 1);
    }
  });

  test("keep the least rate that can be configured", () => {
    const turns = new Turns({ maxBytesPerSecond: kibibyte, clock });
    const { got } = crowd(turns, ["a"]);
    pass(100_000);
    expect(got.get("a")).toBeLessThanOrEqual(100 * kibibyte + 2 * 16 * kibibyte);
    expect(got.get("a")).toBeGreaterThan(80 * kibibyte);
  });
});
