import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closeInTime, within } from "../../src/daemon/closing.ts";

const clock = { now: () => Date.now() };
let startedMs: number;
beforeEach(() => {
  vi.useFakeTimers();
  startedMs = Date.now();
});
afterEach(() => void vi.useRealTimers());

const takes = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Closes what was opened, and two more afterwards; what these are given and when, and when all is over. */
function closed(opened: (graceMs: number) => Promise<void> | void) {
  const last: (readonly [afterMs: number, leftMs: number])[] = [];
  const close = async (leftMs: number): Promise<void> => {
    last.push([Date.now() - startedMs, leftMs]);
    await takes(Math.min(1500, leftMs));
  };
  const ended = closeInTime({ opened: [opened], last: [close, close] }, 4000, clock).then(
    () => Date.now() - startedMs,
  );
  return { last, ended };
}

describe("what is closed", () => {
  test("leaves the last ones their time where nothing is under way", async () => {
    const { last, ended } = closed(() => {});
    await vi.runAllTimersAsync();
    expect(last).toEqual([
      [0, 4500],
      [0, 4500],
    ]);
    expect(await ended).toBe(1500);
  });

  test("has half a second more than its grace together, when that is used up", async () => {
    const { last, ended } = closed((graceMs) => takes(graceMs));
    await vi.runAllTimersAsync();
    expect(last).toEqual([
      [4000, 500],
      [4000, 500],
    ]);
    expect(await ended).toBe(4500);
  });

  test("ends by the last ones what waits for them in vain", async () => {
    let answer: () => void = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const ended = closeInTime({ opened: [() => answered], last: [() => answer()] }, 4000, clock);
    await vi.runAllTimersAsync();
    await ended;
    expect(Date.now() - startedMs).toBeLessThan(4500);
  });
});

test("work is waited for as long as is said, and its fault is one", async () => {
  const never = within(1000, new Promise(() => {}));
  await vi.runAllTimersAsync();
  await expect(never).resolves.toBeUndefined();
  await expect(within(1000, Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(vi.getTimerCount()).toBe(0);
});
