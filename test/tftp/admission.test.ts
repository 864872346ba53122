import { describe, expect, it } from "vitest";
import { Admission, type Guest } from "../../src/tftp/admission.ts";

class Stay implements Guest {
  readonly address: string;
  readonly startedAt: number;
  answered = true;
  gone: string | null = null;
  readonly #admission: Admission;

  constructor(admission: Admission, address: string, startedAt = 0) {
    this.#admission = admission;
    this.address = address;
    this.startedAt = startedAt;
  }

  giveWay(reason: string): void {
    this.gone = reason;
    this.#admission.leave(this);
  }
}

function full(...addresses: readonly string[]) {
  const admission = new Admission(addresses.length);
  const stays = addresses.map((address) => new Stay(admission, address));
  for (const stay of stays) expect(admission.admit(stay)).toBeNull();
  const newcomer = (address: string, now = 0) => admission.admit(new Stay(admission, address, now));
  const gone = () => stays.flatMap((stay, index) => (stay.gone === null ? [] : [index]));
  return { admission, stays, newcomer, gone };
}

describe("the places for transfers", () => {
  it("are all for one address while nobody else wants any", () => {
    const { admission, newcomer } = full("a", "a", "a", "a");
    expect(newcomer("a")).toBe(
      "the server is busy, try again: this address has 4 of its transfers",
    );
    expect(admission.size).toBe(4);
  });

  it("are refused when every address has one", () => {
    const { newcomer, gone } = full("a", "b", "c");
    expect(newcomer("d")).toBe("the server is busy, try again");
    expect(gone()).toEqual([]);
  });

  it("are given up by the address that has most, in favour of one that has fewer", () => {
    const { admission, newcomer, gone, stays } = full("a", "b", "b", "b");
    expect(newcomer("c")).toBeNull();
    expect(gone()).toEqual([1]);
    expect(stays[1]?.gone).toBe("the server is busy and this address has 3 transfers");
    expect(newcomer("d")).toBeNull();
    expect(gone()).toEqual([1, 2]);
    expect(newcomer("e")).toBe("the server is busy, try again");
    expect(admission.size).toBe(4);
  });

  it("are not passed to and fro between addresses that have nearly as many", () => {
    const { newcomer, gone } = full("a", "a", "b");
    expect(newcomer("b")).not.toBeNull();
    expect(gone()).toEqual([]);
  });

  it("are first taken from transfers that were never answered", () => {
    const { stays, newcomer, gone } = full("b", "b", "b");
    if (stays[1] !== undefined) stays[1].answered = false;
    expect(newcomer("c")).toBeNull();
    expect(gone()).toEqual([1]);
  });

  it("are not held for long by addresses that never answer", () => {
    const { stays, newcomer, gone } = full("a", "b", "c");
    for (const stay of stays.slice(1)) stay.answered = false;
    expect(newcomer("d", 1999)).not.toBeNull();
    expect(newcomer("d", 2000)).toBeNull();
    expect(gone()).toEqual([1]);
  });

  it("are free again when a transfer has ended", () => {
    const { admission, stays, newcomer } = full("a", "b");
    if (stays[0] !== undefined) admission.leave(stays[0]);
    expect(admission.size).toBe(1);
    expect(newcomer("c")).toBeNull();
  });
});
