import { describe, expect, it } from "vitest";
import { RetransmissionTimeout } from "../../../src/tftp/transfer/retransmission-timeout.ts";

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
    // RFC 6298 2.2: SRTT = R, RTTVAR = R / 2.
    timeout.measured(100);
    expect(timeout.ms).toBe(300);
    // 2.3: RTTVAR = 3/4 * 50 + 1/4 * |100 - 180|, SRTT = 7/8 * 100 + 1/8 * 180.
    timeout.measured(180);
    expect(timeout.ms).toBe(110 + 4 * 57.5);
    for (let i = 0; i < 100; i++) timeout.measured(0.2);
    expect(timeout.ms).toBe(50);
    for (let i = 0; i < 100; i++) timeout.measured(9000);
    expect(timeout.ms).toBe(8000);
  });

  it("is what the host wants at least, as long as the client wants no less", () => {
    let leastMs = 0;
    const timeout = new RetransmissionTimeout(1, () => leastMs);
    expect(timeout.ms).toBe(1000);
    timeout.measured(1);
    expect(timeout.ms).toBe(50);
    leastMs = 250;
    timeout.measured(1);
    expect(timeout.ms).toBe(250);
    leastMs = 2000;
    timeout.measured(1);
    expect(timeout.ms).toBe(1000);
  });

  it("comes close to a round trip that never changes, and is wider where it does", () => {
    const [steady, changing] = [new RetransmissionTimeout(null), new RetransmissionTimeout(null)];
    for (let i = 0; i < 200; i++) {
      steady.measured(200);
      changing.measured(i % 2 === 0 ? 100 : 300);
    }
    expect(steady.ms).toBeCloseTo(201);
    expect(changing.ms).toBeGreaterThan(500);
  });

  it("keeps what losses have cost, up to a second, until a round trip is measured", () => {
    const timeout = new RetransmissionTimeout(null);
    timeout.measured(50);
    timeout.backOff();
    timeout.recovered(false);
    expect(timeout.ms).toBe(300);
    for (let i = 0; i < 3; i++) timeout.backOff();
    expect(timeout.ms).toBe(2400);
    timeout.recovered(false);
    expect(timeout.ms).toBe(1000);
    timeout.measured(50);
    expect(timeout.ms).toBe(50 + 4 * 18.75);
  });

  it("forgets by halves what was needed for losses that are proven", () => {
    const timeout = new RetransmissionTimeout(null);
    timeout.measured(50);
    for (let i = 0; i < 2; i++) timeout.backOff();
    const waits = Array.from({ length: 3 }, () => {
      timeout.recovered(true);
      return timeout.ms;
    });
    expect(waits).toEqual([300, 150, 150]);
  });

  it.each([
    [4, false],
    [5, true],
    [30, true],
    [31, false],
  ])("takes an answer that comes %d ms after a copy for a loss: %s", (afterCopyMs, loss) => {
    const timeout = new RetransmissionTimeout(null);
    expect(timeout.provesLoss(afterCopyMs)).toBe(false);
    // SRTT = 10, RTTVAR = 5.
    timeout.measured(10);
    expect(timeout.provesLoss(afterCopyMs)).toBe(loss);
  });

  it("takes one answer after the other for a slower path, until something is measured", () => {
    const timeout = new RetransmissionTimeout(null);
    timeout.measured(10);
    expect([10, 10, 10].map((ms) => timeout.provesLoss(ms))).toEqual([true, false, false]);
    timeout.measured(10);
    expect(timeout.provesLoss(10)).toBe(true);
  });

  it("is never longer than the interval that the client chose, and shorter where answers are quick", () => {
    const timeout = new RetransmissionTimeout(3);
    expect(timeout.ms).toBe(1000);
    for (let i = 0; i < 3; i++) timeout.backOff();
    expect(timeout.ms).toBe(3000);
    timeout.measured(1);
    expect(timeout.ms).toBe(50);
    for (let i = 0; i < 100; i++) timeout.measured(9000);
    expect(timeout.ms).toBe(3000);
  });
});
