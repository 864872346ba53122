import { describe, expect, it } from "vitest";
import type { TransferEffect } from "../../../src/tftp/transfer/read-transfer.ts";
import { bytes, ending, transferOf } from "../../support/read-transfer.ts";
import { sent } from "../../support/tftp.ts";

describe("a repeated ACK", () => {
  it("sends nothing while the answer to the first one is on its way (Sorcerer's Apprentice)", () => {
    const run = transferOf(bytes);
    run.start();
    expect(sent(run.ack(1, 1))).toEqual(["data 2"]);
    expect(run.ack(1, 1)).toEqual([]);
    expect(run.ack(1, 50)).toEqual([]);
    expect(run.transfer.deadline()).toBe(51);
    expect(sent(run.ack(2, 50))).toEqual(["data 3"]);
  });

  it("is answered when it comes so late that the client must be waiting", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 1);
    for (let i = 0; i < 4; i++) run.wait();
    expect(run.transfer.deadline()).toBe(51 + 100 + 200 + 400 + 800);
    // Half of that wait is over, and nobody said anything for longer than the client bears.
    for (let i = 0; i < 3; i++) run.wait();
    expect(run.transfer.deadline()).toBe(12_751);
    expect(sent(run.ack(1, 9000))).toEqual(["data 2"]);
    // The backoff stays until a round trip is measured (RFC 6298 5.7).
    expect(run.transfer.deadline()).toBe(9000 + 6400);
  });

  it("sends nothing where many come one after the other, as from EDK2 for the copies of a window", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 1);
    for (let i = 0; i < 4; i++) run.wait();
    for (let now = 760; now < 1551; now += 10) expect(run.ack(1, now)).toEqual([]);
  });

  it("is answered at once where the client chose a long interval for us and is itself more eager", () => {
    const run = transferOf(bytes, { timeout: 250, windowsize: 4 });
    run.start();
    expect(sent(run.ack(0, 1))).toEqual(["data 1", "data 2", "data 3", "data 4"]);
    expect(run.ack(0, 40)).toEqual([]);
    expect(sent(run.ack(0, 251))).toEqual(["data 1", "data 2", "data 3", "data 4"]);
  });

  it("is answered only so often without progress", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 1);
    let answers = 0;
    for (let now = 1000; now < 100_000; now += 1000) answers += sent(run.ack(1, now)).length;
    expect(answers).toBe(20);
  });
});

describe("silence", () => {
  /** What is sent to a client that never answers, and when. */
  function unanswered(options: Readonly<Record<string, string | number>>) {
    const run = transferOf(bytes, options);
    const all = sent(run.start()).map((packet) => `0 ${packet}`);
    for (;;) {
      const { now, effects } = run.wait();
      all.push(...sent(effects).map((packet) => `${now} ${packet}`));
      const end = ending(effects);
      if (end !== undefined) return { all, end, endedAt: now };
    }
  }

  it("field fault 45: ends a transfer that nobody ever answered, with one block and no farewell", () => {
    expect(unanswered({})).toEqual({
      all: ["0 data 1"],
      end: { kind: "fail", reason: "the client never answered" },
      endedAt: 15_000,
    });
  });

  it("field fault 45: repeats an OACK to nobody while that is three times the request at most", () => {
    expect(unanswered({ tsize: 0, blksize: 1468, windowsize: 4 })).toEqual({
      all: ["0 oack", "1000 oack", "3000 oack"],
      end: { kind: "fail", reason: "the client never answered" },
      endedAt: 15_000,
    });
  });

  it("field fault 45: an ACK that anybody could send brings no copy of the first block", () => {
    const run = transferOf(bytes);
    run.start();
    for (let now = 1000; now < 15_000; now += 1000) expect(run.ack(0, now)).toEqual([]);
  });

  it("field fault 45: a late first ACK begins the transfer all the same, and measures the round trip", () => {
    const run = transferOf(bytes);
    run.start();
    run.wait();
    expect(sent(run.ack(1, 1200))).toEqual(["data 2"]);
    expect(run.transfer.deadline()).toBe(1200 + 1200 + 4 * 600);
  });

  it("of a client that answered quickly is met quickly, and borne for twenty seconds", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 0);
    const waits: number[] = [];
    let end: TransferEffect | undefined;
    while (end === undefined) {
      const { now, effects } = run.wait();
      waits.push(now);
      end = ending(effects);
    }
    expect(waits).toEqual([50, 150, 350, 750, 1550, 3150, 6350, 12_750, 20_750]);
    expect(end).toMatchObject({ kind: "fail" });
  });

  it("is met no later than the client chose, and borne as long as without its choice", () => {
    const run = transferOf(bytes, { timeout: 1 });
    run.start();
    run.ack(0, 1);
    const waits: number[] = [];
    let end: TransferEffect | undefined;
    while (end === undefined) {
      const { now, effects } = run.wait();
      waits.push(now);
      end = ending(effects);
    }
    expect(waits.slice(0, 7)).toEqual([51, 151, 351, 751, 1551, 2551, 3551]);
    expect(waits.at(-1)).toBe(20_551);
  });

  it("is met by what was measured where the client chose the longest interval", () => {
    const run = transferOf(bytes, { timeout: 255 });
    run.start();
    expect([run.wait().now, run.wait().now]).toEqual([1000, 3000]);
    run.ack(0, 3001);
    run.ack(1, 3002);
    expect(run.wait().now).toBe(3052);
  });

  it("is not judged by answers to what was sent twice (Karn)", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 200);
    expect(run.wait().now).toBe(800);
    // The answer to the first copy after 601 ms, or to the second one after 1 ms?
    run.ack(2, 801);
    expect(run.transfer.deadline()).toBe(1801);
  });

  it("is a loss for certain where the answer to the copy takes as long as answers do", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 200);
    expect(run.wait().now).toBe(800);
    run.ack(2, 1000);
    expect(run.transfer.deadline()).toBe(1600);
  });

  it("of a path that becomes slower than the wait does not send all twice from then on", () => {
    const run = transferOf(new Uint8Array(200 * 512));
    run.start();
    let now = 0;
    for (let block = 1; block <= 200; block++) {
      now += block < 50 ? 10 : 60;
      while ((run.transfer.deadline() ?? Infinity) < now) run.wait();
      run.ack(block, now);
    }
    expect(run.transfer.retransmissions).toBeLessThan(5);
  });

  it("is not what a client keeps that repeats its ACK; but it may not stand still for minutes", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 0);
    let end: TransferEffect | undefined;
    let endedAt = 0;
    while (end === undefined) {
      const { now, effects } = run.wait();
      end = ending(effects);
      if (end === undefined) run.ack(1, now);
      endedAt = now;
    }
    expect(endedAt).toBeGreaterThan(120_000);
    expect(endedAt).toBeLessThan(130_000);
    const reason = "the client repeats the same acknowledgement and makes no progress";
    expect(end).toEqual({ kind: "fail", reason });
  });

  it("is not assumed before its time", () => {
    const run = transferOf(bytes, { blksize: 1024 });
    run.start();
    expect(run.transfer.handleTimeout(999)).toEqual([]);
    expect(sent(run.transfer.handleTimeout(1000))).toEqual(["oack"]);
  });
});
