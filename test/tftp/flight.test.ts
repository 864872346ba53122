import { describe, expect, it } from "vitest";
import { FlightLimit } from "../../src/tftp/flight.ts";

describe("the limit of a flight", () => {
  it("is the window, and one less than what came through once the end of it was lost", () => {
    const limit = new FlightLimit(64);
    expect(limit).toMatchObject({ blocks: 64, narrow: false });
    expect(limit.endLost(17, 47)).toBe(true);
    expect(limit).toMatchObject({ blocks: 16, narrow: true });
  });

  it.each([
    ["a few blocks, as happens by chance", 48, 16],
    ["nothing", 64, 0],
    ["less than nothing: the answer came late, and to more", 64, -16],
  ])("stays what it is where the end misses %s", (_what, through, missing) => {
    const limit = new FlightLimit(64);
    expect(limit.endLost(through, missing)).toBe(false);
    expect(limit.narrow).toBe(false);
  });

  it("is never less than eight blocks, so that small windows stay whole", () => {
    const limit = new FlightLimit(16);
    expect(limit.endLost(2, 14)).toBe(true);
    expect(limit.blocks).toBe(8);
    expect(limit.endLost(2, 6)).toBe(false);
    expect(new FlightLimit(8).endLost(1, 7)).toBe(false);
    expect([new FlightLimit(8).small, limit.small]).toEqual([true, false]);
  });

  it("doubles with every other loss, up to the window", () => {
    const limit = new FlightLimit(64);
    limit.endLost(21, 43);
    const blocks = [1, 2, 3].map(() => {
      limit.lostByChance();
      return limit.blocks;
    });
    expect(blocks).toEqual([40, 64, 64]);
    expect(limit.narrow).toBe(false);
  });
});
