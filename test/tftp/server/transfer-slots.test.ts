import { describe, expect, it } from "vitest";
import { TransferSlots, type SlotHolder } from "../../../src/tftp/server/transfer-slots.ts";

class Stay implements SlotHolder {
  readonly address: string;
  readonly startedAt: number;
  answered = true;
  gone: string | null = null;
  readonly #slots: TransferSlots;

  constructor(slots: TransferSlots, address: string, startedAt = 0) {
    this.#slots = slots;
    this.address = address;
    this.startedAt = startedAt;
  }

  evict(reason: string): void {
    this.gone = reason;
    this.#slots.release(this);
  }
}

function full(...addresses: readonly string[]) {
  const slots = new TransferSlots(addresses.length);
  const stays = addresses.map((address) => new Stay(slots, address));
  for (const stay of stays) expect(slots.take(stay)).toBeNull();
  const newcomer = (address: string, now = 0, answers = false) => {
    const stay = new Stay(slots, address, now);
    const refusal = slots.take(stay);
    stay.answered = answers;
    return refusal;
  };
  const gone = () => stays.flatMap((stay, index) => (stay.gone === null ? [] : [index]));
  return { slots, stays, newcomer, gone };
}

describe("the places for transfers", () => {
  it("are all for one address while nobody else wants any", () => {
    const { slots, newcomer } = full("a", "a", "a", "a");
    expect(newcomer("a")).toBe(
      "the server is busy, try again: this address has 4 of its transfers",
    );
    expect(slots.size).toBe(4);
  });

  it("are refused when every address has one", () => {
    const { newcomer, gone } = full("a", "b", "c");
    expect(newcomer("d")).toBe("the server is busy, try again");
    expect(gone()).toEqual([]);
  });

  it("are given up by an address that has half of them, the newest first, in favour of others", () => {
    const { slots, newcomer, gone, stays } = full("a", "b", "b", "b");
    expect(newcomer("c", 0, true)).toBeNull();
    expect(gone()).toEqual([3]);
    expect(stays[3]?.gone).toBe("the server is busy and this address has 3 transfers");
    expect(newcomer("d", 0, true)).toBeNull();
    expect(gone()).toEqual([2, 3]);
    expect(newcomer("e", 0, true)).toBe("the server is busy, try again");
    expect(slots.size).toBe(4);
  });

  it("are not taken from who answers while it has less than half of them", () => {
    const { newcomer, gone } = full("a", "b", "b", "c", "d");
    expect(newcomer("e")).toBe("the server is busy, try again");
    expect(gone()).toEqual([]);
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

  it("are not held by addresses that never answer: those of the largest crowd go first", () => {
    const { stays, newcomer, gone } = full("a", "b", "c", "c", "c");
    for (const stay of stays.slice(1)) stay.answered = false;
    expect(newcomer("d", 1999, true)).toBeNull();
    expect(stays[2]?.gone).toBe("the server is busy and this client has not answered yet");
    expect(gone()).toEqual([2]);
  });

  it("are first taken from who had two seconds to answer, whoever it is", () => {
    const { stays, newcomer, gone } = full("a", "b", "c", "c", "c");
    for (const stay of stays.slice(1)) stay.answered = false;
    expect(newcomer("d", 2000)).toBeNull();
    expect(stays[1]?.gone).toBe("the server is busy and this client does not answer");
    expect(gone()).toEqual([1]);
  });

  it("are free again when a transfer has ended", () => {
    const { slots, stays, newcomer } = full("a", "b");
    if (stays[0] !== undefined) slots.release(stays[0]);
    expect(slots.size).toBe(1);
    expect(newcomer("c")).toBeNull();
  });
});

/** Many holders whose ends are counted. */
function crowded(most: number) {
  const slots = new TransferSlots(most);
  const enter = (address: string, startedAt: number, answered: boolean) => {
    const stay = new Stay(slots, address, startedAt);
    stay.answered = false;
    const refusal = slots.take(stay);
    stay.answered = answered;
    return { stay, refusal };
  };
  const enterAll = (
    count: number,
    addressOf: (index: number) => string,
    at: number,
    answers: boolean,
  ) => Array.from({ length: count }, (_, index) => enter(addressOf(index), at, answers));
  return { slots, enter, enterAll };
}

type Entered = ReturnType<ReturnType<typeof crowded>["enter"]>;
const gone = (entered: readonly Entered[]): number =>
  entered.filter(({ stay }) => stay.gone !== null).length;

describe("when all places are taken", () => {
  it("newcomers get those of silent clients, not those of machines behind one address", () => {
    const { enterAll } = crowded(50);
    const behindNat = enterAll(20, () => "10.0.0.1", 0, true);
    const others = enterAll(20, (index) => `10.1.0.${index}`, 100, true);
    const silent = enterAll(10, (index) => `10.2.0.${index}`, 100, false);
    const newcomers = enterAll(10, (index) => `10.3.0.${index}`, 10_100, true);
    expect([behindNat, others, silent, newcomers].map(gone)).toEqual([0, 0, 10, 0]);
    expect(newcomers.every(({ refusal }) => refusal === null)).toBe(true);
  });

  it("forged requests end no running transfer and keep no machine from booting", () => {
    const { enter, enterAll } = crowded(1000);
    const behindNat = enterAll(200, () => "10.0.0.1", 0, true);
    const booting: Entered[] = [];
    // 500 in a second for ten seconds; each second one machine of its own address and one behind the other.
    for (let index = 0; index < 5000; index++) {
      const at = 2 * index;
      enter(`forged ${index}`, at, false);
      if (index % 500 !== 499) continue;
      booting.push(enter(`10.4.0.${index}`, at, true), enter("10.0.0.1", at, true));
    }
    expect(gone(behindNat)).toBe(0);
    expect(gone(booting)).toBe(0);
    expect(booting.map(({ refusal }) => refusal)).toEqual(Array.from({ length: 20 }, () => null));
  });
});
