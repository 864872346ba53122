import { describe, expect, it } from "vitest";
import { CongestionWindow } from "../../../src/tftp/transfer/congestion-window.ts";

describe("the limit of a flight", () => {
  it("is the window, and one less than what came through once the end of it was lost", () => {
    const limit = new CongestionWindow(64);
    expect(limit).toMatchObject({ blocks: 64, narrow: false });
    expect(limit.tailLost(17, 47)).toBe(true);
    expect(limit).toMatchObject({ blocks: 16, narrow: true });
  });

  it.each([
    ["a few blocks, as happens by chance", 48, 16],
    ["nothing", 64, 0],
    ["less than nothing: the answer came late, and to more", 64, -16],
  ])("stays what it is where the end misses %s", (_what, through, missing) => {
    const limit = new CongestionWindow(64);
    expect(limit.tailLost(through, missing)).toBe(false);
    expect(limit.narrow).toBe(false);
  });

  it("is never less than eight blocks, so that small windows stay whole", () => {
    const limit = new CongestionWindow(16);
    expect(limit.tailLost(2, 14)).toBe(true);
    expect(limit.blocks).toBe(8);
    expect(limit.tailLost(2, 6)).toBe(false);
    expect(new CongestionWindow(8).tailLost(1, 7)).toBe(false);
    expect([new CongestionWindow(8).small, limit.small]).toEqual([true, false]);
  });

  it("doubles with every other loss, up to the window", () => {
    const limit = new CongestionWindow(64);
    limit.tailLost(21, 43);
    const blocks = [1, 2, 3].map(() => {
      limit.randomLoss();
      return limit.blocks;
    });
    expect(blocks).toEqual([40, 64, 64]);
    expect(limit.narrow).toBe(false);
  });

  /** How many losses by chance come before the limit changes. */
  function lossesUntilMore(limit: CongestionWindow): number {
    const before = limit.blocks;
    let losses = 0;
    while (limit.blocks === before && losses < 1000) {
      limit.randomLoss();
      losses += 1;
    }
    return losses;
  }

  it("waits for twice as many losses, each time that more led back to about the same place", () => {
    const limit = new CongestionWindow(64);
    const losses = [17, 17, 18, 17].map((through) => {
      expect(limit.tailLost(through, 64 - through)).toBe(true);
      return lossesUntilMore(limit);
    });
    expect(losses).toEqual([1, 2, 4, 8]);
    expect(limit.blocks).toBe(32);
  });

  it("comes back to what is known to fit with the first loss, and goes on counting from there", () => {
    const limit = new CongestionWindow(64);
    limit.tailLost(17, 47);
    limit.randomLoss();
    limit.tailLost(17, 15);
    expect(limit.tailLost(10, 6)).toBe(true);
    expect(limit.blocks).toBe(9);
    limit.randomLoss();
    expect(limit.blocks).toBe(16);
    expect(lossesUntilMore(limit)).toBe(1);
  });

  it("forgets its caution where a longer queue is found", () => {
    const limit = new CongestionWindow(64);
    for (const through of [17, 17, 17]) {
      limit.tailLost(through, 64 - through);
      lossesUntilMore(limit);
    }
    limit.tailLost(25, 39);
    expect(lossesUntilMore(limit)).toBe(1);
  });

  it("is more with the second silence in a row, whatever is known", () => {
    const limit = new CongestionWindow(64);
    limit.tailLost(17, 47);
    expect([0, 1, 2, 3].map((silences) => limit.blocksAfter(silences))).toEqual([16, 16, 32, 48]);
  });
});
