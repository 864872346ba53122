import { describe, expect, it } from "vitest";
import { ReadAhead } from "../../../src/tftp/transfer/read-ahead.ts";

const file = Uint8Array.from({ length: 200_000 }, (_, at) => at % 251);

describe("ReadAhead", () => {
  it("holds nothing but the empty beginning at first", () => {
    const part = new ReadAhead(file.length);
    expect(part.holds(0, 0)).toBe(true);
    expect(part.holds(0, 1)).toBe(false);
    expect(part.reading).toBe(false);
  });

  it("reads ahead, and holds what came", () => {
    const part = new ReadAhead(file.length);
    const { offset, length } = part.ask(1000, 1512);
    expect({ offset, length }).toEqual({ offset: 1000, length: 65_536 });
    expect(part.reading).toBe(true);
    expect(part.take(file.subarray(offset, offset + length))).toBe(true);
    expect(part.reading).toBe(false);
    expect(part.holds(1000, 66_536)).toBe(true);
    expect(part.holds(999, 1001)).toBe(false);
    expect(part.holds(66_536, 66_537)).toBe(false);
    expect(part.slice(1500, 1503)).toEqual(file.subarray(1500, 1503));
  });

  it("asks for no more than the file has, and for as much as is wanted", () => {
    const part = new ReadAhead(file.length);
    expect(part.ask(0, 150_000)).toEqual({ offset: 0, length: 150_000 });
    expect(part.ask(199_000, 200_000)).toEqual({ offset: 199_000, length: 1000 });
  });

  it("takes no less than it asked for", () => {
    const part = new ReadAhead(file.length);
    part.ask(0, 100);
    expect(part.take(file.subarray(0, 65_535))).toBe(false);
    expect(part.reading).toBe(true);
  });

  it("lets go", () => {
    const part = new ReadAhead(file.length);
    part.ask(0, 100);
    part.take(file);
    part.drop();
    expect(part.holds(0, 1)).toBe(false);
  });
});
