import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../../../src/lib/bytes.ts";
import {
  anyFates,
  type Fate,
  type Outcome,
  type Scenario,
  simulate,
  type Temper,
} from "../../support/lossy-network.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { cases } from "../../support/cases.ts";

const bytes = randomBytes(randomNumbers(7), 600_000);
const tempers: readonly Temper[] = ["patient", "repeating", "edk2", "lock-step"];

function blocksOf({ file, blksize }: Scenario): number {
  return Math.floor(file.length / blksize) + 1;
}

/**
 * `complete` or `failed`, if both sides are right in what they believe: the client has the very bytes
 * or none, and the server knows of an end, which is not success unless the client has everything.
 */
function verdict({ file }: Scenario, { server, received }: Outcome): string {
  if (server === null) return "endless";
  if (received !== null && !equalBytes(received, file)) return "corrupt";
  if (server === "complete" && received === null) return "wrongly complete";
  return server;
}

/** The verdict and how often each block was sent, where the same scenario is played to its end. */
function play(scenario: Scenario): { verdict: string; sendsPerBlock: number } {
  const outcome = simulate(scenario);
  const sendsPerBlock = outcome.dataSent / blocksOf(scenario);
  return { verdict: verdict(scenario, outcome), sendsPerBlock };
}

/** Sizes from a few blocks, close to a multiple of the block size. */
function fileNear(blksize: number, blocks: number, more: number): Uint8Array {
  return bytes.subarray(0, Math.max(0, blksize * blocks + more));
}

const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    blksize: fc.constantFrom(8, 512, 1428, 1468),
    windowsize: fc.oneof(fc.constantFrom(1, 2, 4, 16, 64), fc.integer({ min: 1, max: 64 })),
    blocks: fc.nat(90),
    more: fc.integer({ min: -1, max: 1 }),
    temper: fc.constantFrom(...tempers),
    plain: fc.boolean(),
    fates: anyFates,
    slowReads: fc.boolean(),
  })
  .map(({ blksize, windowsize, blocks, more, temper, plain, fates, slowReads }) => {
    // Without options the RFC's own values hold; and only in lock-step is a copy acknowledged by its own number.
    const terms = plain ? { blksize: 512, windowsize: 1 } : { blksize, windowsize };
    const wanted = temper === "lock-step" ? { ...terms, windowsize: 1 } : terms;
    const file = fileNear(wanted.blksize, blocks, more);
    return { ...wanted, plain, temper, fates, file, ...(slowReads ? { readMs: 3 } : {}) };
  });

describe("over any network", () => {
  it("delivers the very bytes or fails cleanly, and both sides come to rest", () => {
    const verdicts = new Set<string>();
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const outcome = simulate(scenario);
        verdicts.add(verdict(scenario, outcome));
        expect(["complete", "failed"]).toContain(verdict(scenario, outcome));
        // Nothing is sent more often than retries and the client's own complaints allow.
        const most = blocksOf(scenario) * 4 + scenario.windowsize * 80 + scenario.fates.length * 8;
        expect(outcome.dataSent).toBeLessThan(most);
      }),
      { numRuns: cases(3000) },
    );
    expect(verdicts).toContain("complete");
  });

  it("delivers when nothing is lost, however late and however often packets arrive", () => {
    const late = fc.array(
      fc.record({ copies: fc.integer({ min: 1, max: 3 }), delayMs: fc.nat(90) }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(scenarios, late, (scenario, fates) => {
        expect(play({ ...scenario, fates }).verdict).toBe("complete");
      }),
      { numRuns: cases(500) },
    );
  });
});

/** Each datagram is lost with this probability, for ever. */
function loss(seed: number, percent: number): Fate[] {
  const random = randomNumbers(seed);
  return Array.from({ length: 9973 }, () => ({
    copies: random(100) < percent ? 0 : 1,
    delayMs: 0,
  }));
}

describe("over a network that loses one packet in a hundred", () => {
  it.each(
    tempers.flatMap((temper) =>
      (temper === "lock-step" ? [1] : [1, 4, 16, 64]).map(
        (windowsize) => [temper, windowsize] as const,
      ),
    ),
  )("delivers to a client of the kind %s with windowsize %i", (temper, windowsize) => {
    for (const seed of [1, 2, 3]) {
      const file = bytes.subarray(0, 300_000);
      const lossy = { fates: loss(seed, 1), repeatFates: true };
      const run = play({ file, blksize: 1468, windowsize, temper, ...lossy });
      expect(run.verdict).toBe("complete");
      // A loss costs its window once more.
      expect(run.sendsPerBlock).toBeLessThan(1.2 + 0.05 * windowsize);
    }
  });
});

describe("over a network that loses one packet in ten", () => {
  it.each(tempers)("delivers to a client of the kind %s", (temper) => {
    for (const windowsize of temper === "lock-step" ? [1] : [1, 4, 16, 64]) {
      const file = bytes.subarray(0, 150_000);
      const lossy = { fates: loss(windowsize, 10), repeatFates: true };
      expect(play({ file, blksize: 1468, windowsize, temper, ...lossy }).verdict).toBe("complete");
    }
  });
});

describe("traffic", () => {
  const file = bytes.subarray(0, 300_000);
  const perfect: Fate[] = [{ copies: 1, delayMs: 0 }];
  const twice: Fate[] = [{ copies: 2, delayMs: 0 }];

  it.each([1, 4, 16, 64])(
    "is one DATA a block with windowsize %i when nothing is lost",
    (windowsize) => {
      for (const temper of ["patient", "repeating", "edk2"] as const) {
        const run = play({ file, blksize: 512, windowsize, temper, fates: perfect });
        expect(run).toEqual({ verdict: "complete", sendsPerBlock: 1 });
      }
    },
  );

  it.each(tempers)(
    "is not multiplied by copies of everything in lock-step, the client being of the kind %s",
    (temper) => {
      const fates = { fates: twice, repeatFates: true };
      const run = play({ file, blksize: 512, windowsize: 1, temper, ...fates });
      expect(run).toEqual({ verdict: "complete", sendsPerBlock: 1 });
    },
  );

  it.each([4, 16, 64])(
    "is at most doubled by copies of everything with windowsize %i, even where each is complained about",
    (windowsize) => {
      const fates = { fates: twice, repeatFates: true };
      const run = play({ file, blksize: 512, windowsize, temper: "edk2", ...fates });
      expect(run.verdict).toBe("complete");
      expect(run.sendsPerBlock).toBeLessThanOrEqual(2);
    },
  );
});

describe("past the 16-bit wrap", () => {
  const file = bytes.subarray(0, 8 * 65_536 + 8 * 3000 + 3);
  // One in 2000 is lost, copied or late: dozens of times in all, so also around the wrap.
  const rare = Array.from({ length: 2000 }, (_, i): Fate => {
    if (i === 500) return { copies: 0, delayMs: 0 };
    if (i === 1000) return { copies: 2, delayMs: 0 };
    return { copies: 1, delayMs: i === 1500 ? 7 : 0 };
  });

  it.each([1, 4, 64])("delivers with windowsize %i", (windowsize) => {
    for (const temper of ["repeating", "edk2"] as const) {
      const fates = { fates: rare, repeatFates: true };
      expect(play({ file, blksize: 8, windowsize, temper, ...fates }).verdict).toBe("complete");
    }
  });
});
