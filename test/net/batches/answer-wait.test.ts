import { describe, expect, test } from "vitest";
import { AnswerWait, type Heard } from "../../../src/net/batches/answer-wait.ts";

/** What a look at a socket, or letting others have the core, takes. */
const STEP_MS = 0.005;

/** A program whose peers answer after some time, and its event loop. */
class Program {
  nowMs = 0;
  /** How long a peer takes to answer, or null: it does not. */
  answerAfterMs: number | null = 0.02;
  /** What another program takes of the core when it can have it. */
  takenMs = 0;
  /** The peer is on this core, and needs it. */
  isPeerHere = false;
  /** Something else of the event loop's has something from here on. */
  othersAtMs = Infinity;
  looks = 0;
  answered = 0;
  unanswered = false;
  #comesAtMs = Infinity;
  #hasCore = false;
  #next: (() => void) | null = null;
  readonly wait = new AnswerWait({
    now: () => this.nowMs,
    yieldCore: () => {
      this.nowMs += STEP_MS + this.takenMs;
      this.#hasCore = true;
    },
    hasEvents: () => {
      this.nowMs += STEP_MS;
      return this.#came || this.nowMs >= this.othersAtMs;
    },
    nextTurn: (call) => {
      if (this.#next !== null) throw new Error("two turns at once");
      this.#next = call;
    },
  });

  readonly take = (): Heard => {
    this.looks += 1;
    this.nowMs += STEP_MS;
    if (!this.#came) return "nothing";
    this.answered += 1;
    this.#answerSent();
    return this.unanswered ? "unanswered" : "answered";
  };

  get waits(): boolean {
    return this.#next !== null;
  }

  /** So many datagrams come by the event loop, each answered; none of them while it waits. */
  datagrams(count: number, sockets: readonly (() => Heard)[] = [this.take]): void {
    for (let n = 0; n < count; n += 1) {
      for (const one of sockets) this.wait.handled(one);
      this.#answerSent();
      this.turn();
    }
  }

  #answerSent(): void {
    this.#comesAtMs = this.nowMs + (this.answerAfterMs ?? Infinity);
    this.#hasCore = false;
  }

  get #came(): boolean {
    return this.nowMs >= this.#comesAtMs && (this.#hasCore || !this.isPeerHere);
  }

  /** The next turn of the event loop. */
  turn(): void {
    const call = this.#next;
    this.#next = null;
    call?.();
  }
}

describe("AnswerWait", () => {
  test("answers what comes at once, for a millisecond; then the event loop has a turn, and it goes on", () => {
    const program = new Program();
    program.datagrams(1);
    expect(program.nowMs).toBeGreaterThanOrEqual(1);
    expect(program.nowMs).toBeLessThan(1.1);
    expect(program.answered).toBeGreaterThan(20);
    expect(program.waits).toBe(true);
    const before = program.answered;
    program.turn();
    expect(program.answered).toBeGreaterThan(before + 20);
  });

  test("waits a tenth of a millisecond for an answer, and no longer", () => {
    const program = new Program();
    program.answerAfterMs = null;
    program.datagrams(1);
    expect(program.nowMs).toBeGreaterThanOrEqual(0.1);
    expect(program.nowMs).toBeLessThan(0.12);
    expect(program.waits).toBe(false);
  });

  test("ends at once where something else is to be done, before and while it waits", () => {
    const program = new Program();
    program.answerAfterMs = 0.09;
    program.othersAtMs = 0;
    program.datagrams(1);
    expect(program.looks).toBe(1);
    program.othersAtMs = program.nowMs + 0.05;
    const untilMs = program.othersAtMs;
    program.datagrams(1);
    expect(program.nowMs).toBeLessThan(untilMs + 4 * STEP_MS);
    expect(program.answered).toBe(0);
    expect(program.waits).toBe(false);
  });

  test("looks for something else amid a fast conversation", () => {
    const program = new Program();
    program.othersAtMs = 0.3;
    program.datagrams(1);
    expect(program.nowMs).toBeLessThan(0.6);
    expect(program.waits).toBe(false);
  });

  test("ends where a datagram was not answered, such as for a file that is read first", () => {
    const program = new Program();
    program.unanswered = true;
    program.datagrams(1);
    expect(program.answered).toBe(1);
    expect(program.waits).toBe(false);
  });

  test("costs a slow peer next to nothing", () => {
    const program = new Program();
    program.answerAfterMs = 0.5;
    program.datagrams(100_000);
    expect(program.nowMs).toBeLessThan(100_000 * 0.001);
  });

  test("yields the core no longer where another program has it, after four of its turns", () => {
    const program = new Program();
    program.takenMs = 3;
    program.datagrams(20);
    expect(program.nowMs).toBeLessThan(4 * 3.1 + 20 * 1.1);
    expect(program.answered).toBeGreaterThan(200);
  });

  test("pauses where the peer is on this core, and another program has it", () => {
    const program = new Program();
    program.isPeerHere = true;
    program.datagrams(1);
    expect(program.answered).toBeGreaterThan(20);
    program.takenMs = 3;
    program.datagrams(100_000);
    expect(program.nowMs).toBeLessThan(100_000 * 0.002);
    program.takenMs = 0;
    const before = program.answered;
    program.datagrams(16_384 + 1);
    expect(program.answered).toBeGreaterThan(before + 20);
  });

  test("overlooks that now and then", () => {
    const program = new Program();
    for (let n = 0; n < 20; n += 1) {
      program.takenMs = 1;
      program.datagrams(1);
      program.takenMs = 0;
      program.datagrams(20);
    }
    const before = program.answered;
    program.datagrams(10);
    expect(program.answered).toBeGreaterThan(before + 200);
  });

  test("overlooks three times one after the other, as a short job of another program is", () => {
    const program = new Program();
    program.isPeerHere = true;
    for (let n = 0; n < 20; n += 1) {
      program.takenMs = 3;
      program.datagrams(3);
      program.takenMs = 0;
      program.datagrams(20);
    }
    const before = program.answered;
    program.datagrams(10);
    expect(program.answered).toBeGreaterThan(before + 200);
  });

  test("tries again after a pause, at latest after 16,384 datagrams", () => {
    const program = new Program();
    program.answerAfterMs = null;
    program.datagrams(200_000);
    program.answerAfterMs = 0.02;
    const before = program.answered;
    program.datagrams(16_384 + 1);
    expect(program.answered).toBeGreaterThan(before + 20);
  });

  test("begins with short pauses again once it went well for long", () => {
    const program = new Program();
    program.answerAfterMs = null;
    program.datagrams(200_000);
    program.answerAfterMs = 0.02;
    program.datagrams(16_384 + 60);
    program.answerAfterMs = null;
    program.datagrams(40);
    program.answerAfterMs = 0.02;
    const before = program.answered;
    program.datagrams(600);
    expect(program.answered).toBeGreaterThan(before + 20);
  });

  test("waits for several peers, and leaves many to the event loop", () => {
    const silent = Array.from({ length: 4 }, () => (): Heard => "nothing");
    const [few, many] = [new Program(), new Program()];
    few.datagrams(1, [...silent.slice(1), few.take]);
    expect(few.answered).toBeGreaterThan(20);
    many.datagrams(1, [...silent, many.take]);
    expect(many.looks).toBe(0);
    expect(many.waits).toBe(false);
  });
});
