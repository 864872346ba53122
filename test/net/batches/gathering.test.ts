import { describe, expect, test } from "vitest";
import { Gathering } from "../../../src/net/batches/gathering.ts";

/** What is decided after each of `reads` datagrams, so many milliseconds apart. */
function decisions(
  reads: readonly number[],
  everyMs: number,
  gathering = new Gathering(),
): boolean[] {
  return reads.map((received, n) => gathering.waitsAfter(received, 1000 + n * everyMs));
}

const ones = (count: number): number[] => Array.from({ length: count }, () => 1);

describe("gathering of datagrams", () => {
  test("begins where some 3,000 come in a second, and not below that", () => {
    expect(decisions(ones(400), 1 / 2.8)).not.toContain(true);
    const fast = decisions(ones(400), 1 / 3.2);
    expect(fast.slice(0, 100)).toContain(true);
    expect(fast.slice(110)).not.toContain(false);
  });

  test("goes on while as many come in fewer reads", () => {
    const gathering = new Gathering();
    decisions(ones(200), 0.2, gathering);
    const gathered = Array.from({ length: 60 }, (_, n) => gathering.waitsAfter(5, 1040 + n));
    expect(gathered).not.toContain(false);
  });

  test("ends where fewer come", () => {
    const gathering = new Gathering();
    decisions(ones(200), 0.2, gathering);
    const slow = Array.from({ length: 60 }, (_, n) => gathering.waitsAfter(1, 1040 + n));
    expect(slow.slice(32)).not.toContain(true);
  });

  test("does not wait after silence, where nothing came, and where many come together anyway", () => {
    const gathering = new Gathering();
    expect(decisions(ones(200), 0.2, gathering).at(-1)).toBe(true);
    expect(gathering.waitsAfter(0, 1040)).toBe(false);
    expect(gathering.waitsAfter(16, 1040)).toBe(false);
    expect(gathering.waitsAfter(15, 1040)).toBe(true);
    expect(gathering.waitsAfter(1, 2000)).toBe(false);
  });
});
