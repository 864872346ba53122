import { describe, expect, it } from "vitest";
import { ReadTransfer, type TransferEffect } from "../../../src/tftp/transfer/read-transfer.ts";
import { idealMs, type NarrowLink, overNarrowLink } from "../../support/narrow-link.ts";
import { ack, sent, termsFor } from "../../support/tftp.ts";

const done = { kind: "done", outcome: "complete" };
const fileBytes = 1_000_000;

/** Each product of the lists. */
function links(mbit: number, queue: number, client: NarrowLink["client"]): readonly NarrowLink[] {
  return [0.1, 2, 20].flatMap((delayMs) =>
    [1, 4, 16, 64].flatMap((windowsize) =>
      [512, 1468].map((blksize) => {
        return { mbit, queue, delayMs, client, blksize, windowsize, fileBytes };
      }),
    ),
  );
}

const cells = (["rfc7440", "edk2"] as const).flatMap((client) =>
  [1, 5, 10, 50, 100].flatMap((mbit) =>
    [8, 16, 32, 64, 256].map((queue) => [client, mbit, queue] as const),
  ),
);

describe("over a link with a queue that may be shorter than a window", () => {
  it.each(cells)(
    "a client of the kind %s at %d Mbit/s with a queue of %i takes little longer than it must",
    (client, mbit, queue) => {
      const slow = links(mbit, queue, client).flatMap((link) => {
        const { end, elapsedMs, retransmissions, blocks } = overNarrowLink(link);
        expect(end).toEqual(done);
        // More than the queue holds cannot be under way at once, whoever knows that from the start.
        const windowsize = Math.min(link.windowsize, queue);
        // And to find that out takes two waits for an answer.
        const allowedMs = 250 + 2.1 * idealMs({ ...link, windowsize });
        expect(retransmissions).toBeLessThan(blocks * 2);
        return elapsedMs < allowedMs ? [] : [{ ...link, elapsedMs, allowedMs }];
      });
      expect(slow).toEqual([]);
    },
  );

  it.each([16, 32])(
    "loses the end of the first window of 64 with a queue of %i, and then hardly anything",
    (queue) => {
      const link = { mbit: 5, queue, delayMs: 0.1, blksize: 1468, windowsize: 64, fileBytes };
      for (const client of ["rfc7440", "edk2"] as const) {
        const { elapsedMs, dropped } = overNarrowLink({ ...link, client });
        expect(elapsedMs).toBeLessThan(2200);
        // The first window, and the copy of it that shows how much came through.
        expect(dropped).toBeLessThan(2 * 64);
      }
    },
  );
});

describe("a client that leaves all to timers, but keeps what comes before its turn", () => {
  // Without parts and pauses it took 40.6 and 24.5 s.
  it.each([
    [8, 16, 48],
    [16, 64, 32],
  ])(
    "takes little longer for our pauses with a queue of %i and windows of %i: less than %d s",
    (queue, windowsize, seconds) => {
      const link = { mbit: 5, queue, delayMs: 0.1, blksize: 1468, windowsize, fileBytes: 500_000 };
      const { end, elapsedMs } = overNarrowLink({ ...link, client: "barebox" });
      expect(end).toEqual(done);
      expect(elapsedMs).toBeLessThan(seconds * 1000);
    },
  );
});

describe("over a link that loses by chance", () => {
  const link = { mbit: 1000, queue: 1000, delayMs: 0.1, blksize: 1468, fileBytes };

  function meanSeconds(windowsize: number, lossPercent: number): number {
    const seeds = Array.from({ length: 20 }, (_, i) => i);
    const times = seeds.map((seed) => {
      const client = "edk2" as const;
      const run = overNarrowLink({ ...link, client, windowsize, lossPercent, seed });
      expect(run.end).toEqual(done);
      return run.elapsedMs / 1000;
    });
    return times.reduce((sum, time) => sum + time, 0) / times.length;
  }

  it.each([
    [1, 1, 1.2],
    [4, 1, 0.5],
    [16, 1, 0.2],
    [64, 1, 0.25],
    [16, 5, 2.5],
    [64, 5, 4],
    [16, 10, 11],
    [64, 10, 13],
  ])(
    "a file of 1 MB with windowsize %i at a loss of %i percent takes less than %d s",
    (windowsize, lossPercent, seconds) => {
      expect(meanSeconds(windowsize, lossPercent)).toBeLessThan(seconds);
    },
  );
});

describe("over a link that has a short queue and loses by chance too", () => {
  // While every loss by chance led to a try of more than the queue holds, it took three to six times as long.
  it.each([
    [16, 64, 0.2, 2.5],
    [16, 64, 1, 8],
    [8, 16, 0.2, 4],
  ])(
    "with a queue of %i, a file of 20 MB in windows of %i, at a loss of %d percent, takes less than %d s",
    (queue, windowsize, lossPercent, seconds) => {
      const times = [1, 2, 3, 4, 5].map((seed) => {
        const terms = { mbit: 1000, delayMs: 0.1, client: "edk2", blksize: 1468 } as const;
        const link = { ...terms, queue, windowsize, lossPercent, fileBytes: 20_000_000, seed };
        const { end, elapsedMs } = overNarrowLink(link);
        expect(end).toEqual(done);
        return elapsedMs / 1000;
      });
      expect(times.reduce((sum, time) => sum + time, 0) / times.length).toBeLessThan(seconds);
    },
  );
});

describe("a window whose end was lost", () => {
  const file = new Uint8Array(64_000);

  /** The first window of 64 is under way, and its first 17 blocks arrive; then our timer rings. */
  function begun() {
    const terms = termsFor(file.length, { blksize: 100, windowsize: 64 });
    const transfer = new ReadTransfer(file.length, terms);
    const settle = (effects: readonly TransferEffect[], now: number): readonly string[] =>
      effects.flatMap((effect) => {
        if (effect.kind !== "read") return sent([effect]);
        const bytes = file.subarray(effect.offset, effect.offset + effect.length);
        return settle(transfer.blockRead(bytes, now), now);
      });
    const hear = (block: number, now: number) => settle(transfer.receive(ack(block), now), now);
    const wait = () => {
      const now = transfer.deadline() ?? Number.NaN;
      return settle(transfer.handleTimeout(now), now);
    };
    transfer.start(0);
    expect(hear(0, 1).length).toBe(64);
    expect(wait().length).toBe(64);
    return { transfer, hear, wait };
  }

  const data = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => `data ${first + i}`);

  it("is followed, after a pause, by no more than came through, with a copy that calls for an answer", () => {
    const { transfer, hear, wait } = begun();
    expect(hear(17, 60)).toEqual([]);
    // The same again, of EDK2 for each copy.
    expect(hear(17, 61)).toEqual([]);
    // A hundred milliseconds after the copies left, as a wait for their answer takes.
    expect(transfer.deadline()).toBe(151);
    expect(wait()).toEqual([...data(18, 33), "data 33"]);
    expect(hear(33, 170)).toEqual([...data(34, 49), "data 49"]);
  });

  it("costs a pause of a second at most, also after a long silence", () => {
    const { transfer, hear, wait } = begun();
    for (let i = 0; i < 6; i++) wait();
    expect(transfer.deadline()).toBe(12_751);
    expect(hear(17, 6400)).toEqual([]);
    expect(transfer.deadline()).toBe(7351);
  });

  it("is measured by the answer to the part, since what was lost of it cannot be answered", () => {
    const { transfer, hear, wait } = begun();
    hear(17, 60);
    wait();
    hear(33, 151 + 80);
    // SRTT 7/8 * 1 + 1/8 * 80, RTTVAR 3/4 * 0.5 + 1/4 * 79, and four of these.
    expect(transfer.deadline()).toBeCloseTo(231 + 10.875 + 4 * 20.125);
  });

  it("leaves the last part without a copy, since the end is acknowledged anyway", () => {
    const { hear, wait } = begun();
    hear(17, 60);
    let packets = wait();
    for (let block = 33; block < 641; block += 16) packets = hear(block, 170);
    expect(packets).toEqual([...data(626, 641)]);
  });

  it("grows again where a loss inside a part shows that it was not the queue", () => {
    const { hear, wait } = begun();
    hear(17, 60);
    wait();
    expect(hear(20, 170)).toEqual([...data(21, 52), "data 52"]);
  });

  it("grows again where a part is not answered, so that a client that has it sees something new", () => {
    const { hear, wait } = begun();
    hear(17, 60);
    wait();
    expect(wait()).toEqual([...data(18, 49), "data 49"]);
    expect(hear(49, 400)).toEqual([...data(50, 81), "data 81"]);
  });

  it("is no matter of the queue where only a few blocks are missing", () => {
    const { hear } = begun();
    // What is missing is on its way again.
    expect(hear(60, 60)).toEqual(data(65, 124));
  });
});
