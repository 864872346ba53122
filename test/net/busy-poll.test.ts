import { describe, expect, it } from "vitest";
import { BusyPoll } from "../../src/net/busy-poll.ts";

/** An event loop whose turns take 0.01 ms, and which counts those that a wait caused. */
class Loop {
  nowMs = 0;
  turns = 0;
  preemptions = 0;
  #next: (() => void) | null = null;
  readonly poll = new BusyPoll({
    now: () => this.nowMs,
    nextTurn: (call) => {
      if (this.#next !== null) throw new Error("two waits at once");
      this.#next = call;
    },
    preemptions: () => this.preemptions,
  });

  get awake(): boolean {
    return this.#next !== null;
  }

  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (; this.awake && this.nowMs < endMs; this.nowMs += 0.01) this.#turn();
    this.nowMs = endMs;
  }

  /** `count` datagrams, each this long after the one before. */
  conversation(count: number, ms: number, preemptionsEach = 0): void {
    for (let i = 0; i < count; i++) {
      this.poll.datagramHandled();
      this.preemptions += preemptionsEach;
      this.pass(ms);
    }
  }

  #turn(): void {
    const call = this.#next;
    this.#next = null;
    this.turns += 1;
    call?.();
  }
}

describe("BusyPoll", () => {
  it("keeps the loop awake for a tenth of a millisecond after a datagram, and no longer", () => {
    const loop = new Loop();
    loop.poll.datagramHandled();
    loop.pass(0.09);
    expect(loop.awake).toBe(true);
    loop.pass(0.05);
    expect(loop.awake).toBe(false);
  });

  it("stays awake through a fast conversation", () => {
    const loop = new Loop();
    loop.conversation(10_000, 0.05);
    expect(loop.awake).toBe(true);
    expect(loop.turns).toBeGreaterThanOrEqual(10_000 * 5);
    loop.pass(0.2);
    expect(loop.awake).toBe(false);
  });

  it("costs a slow link next to nothing", () => {
    const loop = new Loop();
    loop.conversation(1000, 1);
    // 10 to 12 turns are one wait: of the first thousand datagrams, two batches.
    expect(loop.turns).toBeLessThan(12 * 2 * 33);
    loop.turns = 0;
    loop.conversation(100_000, 1);
    expect(loop.turns).toBeLessThan(100_000 * 0.1);
  });

  it("pauses where the wait takes the core from another program", () => {
    const loop = new Loop();
    loop.conversation(100_000, 0.02, 1);
    expect(loop.turns).toBeLessThan(100_000 * 0.1);
  });

  it("pauses also where a batch ends amid datagrams that came together", () => {
    const loop = new Loop();
    loop.conversation(1, 0.02);
    for (let i = 0; i < 30_000; i++) {
      loop.poll.datagramHandled();
      loop.poll.datagramHandled();
      loop.conversation(1, 0.02, 3);
    }
    expect(loop.turns).toBeLessThan(90_000 * 0.1);
  });

  it("takes no datagram for the answer to another that came with it", () => {
    const loop = new Loop();
    for (let i = 0; i < 50_000; i++) {
      for (let more = 0; more < 3; more++) loop.poll.datagramHandled();
      loop.conversation(1, 1);
    }
    expect(loop.turns).toBeLessThan(50_000 * 0.2);
  });

  it("tries again after a pause, at latest after 16,384 datagrams", () => {
    const loop = new Loop();
    loop.conversation(200_000, 1);
    loop.turns = 0;
    loop.conversation(16_384 + 64, 0.05);
    expect(loop.awake).toBe(true);
    loop.conversation(1000, 0.05);
    expect(loop.awake).toBe(true);
  });

  it("begins with short pauses again once a batch was worth it", () => {
    const loop = new Loop();
    loop.conversation(200_000, 1);
    loop.conversation(20_000, 0.05);
    loop.conversation(64, 1);
    loop.turns = 0;
    loop.conversation(600, 0.05);
    expect(loop.awake).toBe(true);
  });

  it("overlooks a preemption now and then", () => {
    const loop = new Loop();
    for (let i = 0; i < 1000; i++) {
      loop.conversation(16, 0.05);
      loop.preemptions += 1;
    }
    expect(loop.awake).toBe(true);
    expect(loop.turns).toBeGreaterThanOrEqual(16_000 * 5);
  });
});
