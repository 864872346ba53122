import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { negotiate } from "../../../src/tftp/wire/option-negotiation.ts";
import { optionsOf } from "../../support/tftp.ts";

const limits = { maxBlockSize: 1468, maxWindowSize: 64 };

function answer(options: Readonly<Record<string, string | number>>, size = 300_000) {
  const { oack, ...terms } = negotiate(optionsOf(options), limits, size);
  return {
    ...terms,
    oack: oack === null ? null : [...oack].map(([k, v]) => `${k}=${v}`).join(" "),
  };
}

const defaults = { blksize: 512, windowsize: 1, timeoutSeconds: null, sizeAsked: false };

describe("negotiating", () => {
  it("sends no OACK where nothing was asked for", () => {
    expect(answer({})).toEqual({ ...defaults, oack: null });
  });

  it("grants what EDK2 asks for, in the order of its request", () => {
    expect(answer({ tsize: 0, blksize: 1468, windowsize: 4 })).toEqual({
      blksize: 1468,
      windowsize: 4,
      timeoutSeconds: null,
      sizeAsked: true,
      oack: "tsize=300000 blksize=1468 windowsize=4",
    });
  });

  it("answers less where more is asked than the limits allow", () => {
    expect(answer({ blksize: 65464, windowsize: 65535 })).toMatchObject({
      blksize: 1468,
      windowsize: 64,
      oack: "blksize=1468 windowsize=64",
    });
  });

  it.each([
    ["blksize", 8],
    ["blksize", 1428],
    ["windowsize", 1],
    ["windowsize", 64],
    ["timeout", 1],
    ["timeout", 255],
  ])("grants %s %i as it is", (name, value) => {
    expect(answer({ [name]: value }).oack).toBe(`${name}=${value}`);
  });

  it.each([
    ["blksize", "7"],
    ["blksize", "65465"],
    ["blksize", "1468 "],
    ["blksize", "0x200"],
    ["blksize", "-512"],
    ["blksize", "1e3"],
    ["blksize", ""],
    ["windowsize", "0"],
    ["windowsize", "65536"],
    ["timeout", "0"],
    ["timeout", "256"],
    ["timeout", "99999999999999999999"],
    ["tsize", "1000"],
    ["tsize", "none"],
    ["multicast", ""],
    ["foo", "1"],
  ])("leaves out %s=%s", (name, value) => {
    expect(answer({ [name]: value })).toEqual({ ...defaults, oack: null });
  });

  it("keeps the valid options beside an invalid one", () => {
    expect(answer({ blksize: 7, tsize: 0, utimeout: 1000 }).oack).toBe("tsize=300000");
  });

  it("does not tell the size of an empty file, which curl takes for a fault", () => {
    expect(answer({ tsize: 0 }, 0)).toEqual({ ...defaults, sizeAsked: true, oack: null });
    expect(answer({ tsize: 0, blksize: 8 }, 0).oack).toBe("blksize=8");
  });

  it("never answers what was not asked, nor with more than was asked", () => {
    const value = fc.oneof(fc.nat(70_000).map(String), fc.string({ maxLength: 8 }));
    const name = fc.oneof(
      fc.constantFrom("blksize", "windowsize", "timeout", "tsize"),
      fc.string({ minLength: 1, maxLength: 10 }),
    );
    const requested = fc.array(fc.tuple(name, value)).map((entries) => new Map(entries));
    fc.assert(
      fc.property(requested, fc.nat(), (options, size) => {
        const { oack, blksize, windowsize } = negotiate(options, limits, size);
        for (const [key, granted] of oack ?? []) {
          expect(options.has(key)).toBe(true);
          const most = key === "tsize" ? size : Number(options.get(key));
          expect(Number(granted)).toBeLessThanOrEqual(most);
        }
        expect(blksize).toBeLessThanOrEqual(limits.maxBlockSize);
        expect(windowsize).toBeLessThanOrEqual(limits.maxWindowSize);
      }),
    );
  });
});
