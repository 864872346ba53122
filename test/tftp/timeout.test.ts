import { describe, expect, it } from "vitest";
import { RetransmissionTimeout } from "../../src/tftp/timeout.ts";

describe("the retransmission timeout", () => {
  it("starts at one second and doubles up to eight", () => {
    const timeout = new RetransmissionTimeout(null);
    const waits = Array.from({ length: 6 }, () => {
      const { ms } = timeout;
      timeout.backOff();
      return ms;
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000]);
  });

  it("follows the measured round trip, within bounds", () => {
    const timeout = new RetransmissionTimeout(null);
    timeout.measured(100);
    expect(timeout.ms).toBe(400);
    timeout.measured(180);
    expect(timeout.ms).toBe(440);
    for (let i = 0; i < 100; i++) timeout.measured(0.2);
    expect(timeout.ms).toBe(100);
    for (let i = 0; i < 100; i++) timeout.measured(5000);
    expect(timeout.ms).toBe(8000);
  });

  it("forgets what losses have cost by halves, and at once after a clean round trip", () => {
    const timeout = new RetransmissionTimeout(null);
    timeout.measured(50);
    for (let i = 0; i < 3; i++) timeout.backOff();
    expect(timeout.ms).toBe(1600);
    timeout.recovered();
    expect(timeout.ms).toBe(800);
    timeout.measured(50);
    expect(timeout.ms).toBe(200);
    timeout.recovered();
    expect(timeout.ms).toBe(200);
  });

  it("keeps the interval that the client chose", () => {
    const timeout = new RetransmissionTimeout(3);
    timeout.measured(1);
    expect(timeout.ms).toBe(3000);
    timeout.backOff();
    expect(timeout.ms).toBe(3000);
    timeout.recovered();
    expect(timeout.ms).toBe(3000);
  });
});
