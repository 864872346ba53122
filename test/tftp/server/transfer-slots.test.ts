import { describe, expect, it } from "vitest";
import { type SlotHolder, TransferSlots } from "../../../src/tftp/server/transfer-slots.ts";

class Holder implements SlotHolder {
  readonly address: string;
  readonly startedAt: number;
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

/** All slots are taken, by an address each; with a question mark behind it, it has not answered. */
function full(...takers: readonly string[]) {
  const slots = new TransferSlots(takers.length);
  const holders = takers.map((taker) => {
    const holder = new Holder(slots, taker.replace("?", ""));
    expect(slots.take(holder)).toBeNull();
    if (!taker.endsWith("?")) slots.answered(holder);
    return holder;
  });
  const take = (address: string, now = 0, answers = false) => {
    const holder = new Holder(slots, address, now);
    const refusal = slots.take(holder);
    if (answers) slots.answered(holder);
    return refusal?.reason ?? null;
  };
  const gone = () => holders.flatMap((holder, index) => (holder.gone === null ? [] : [index]));
  return { slots, holders, take, gone };
}

const waits = expect.stringContaining("gets a place when it asks again");

describe("the slots for transfers", () => {
  it("are all for one address while nobody else wants any", () => {
    const { slots, take } = full("a", "a", "a", "a");
    expect(take("a")).toBe("the server is busy, try again: this address has 4 of its transfers");
    expect(slots.size).toBe(4);
  });

  it("are refused when every address has one, and the client, which asks again, hears no error", () => {
    const { slots, gone } = full("a", "b", "c");
    const refusal = slots.take(new Holder(slots, "d"));
    expect(refusal).toEqual({ reason: waits, tell: false });
    expect(gone()).toEqual([]);
  });

  it("are refused with an error to an address that has some", () => {
    const { slots } = full("a", "b", "c");
    expect(slots.take(new Holder(slots, "a"))).toMatchObject({ tell: true });
  });

  it("are not taken from machines whose answer is under way, for two seconds", () => {
    const { take, gone } = full("a", "b", "c", "d?");
    expect(take("e", 1999)).toEqual(waits);
    expect(gone()).toEqual([]);
    expect(take("e", 2000)).toBeNull();
    expect(gone()).toEqual([3]);
  });

  it("are lost by an address that has half of them, the newest first, to others", () => {
    const { slots, take, gone, holders } = full("a", "b", "b", "b");
    expect(take("c", 0, true)).toBeNull();
    expect(gone()).toEqual([3]);
    expect(holders[3]?.gone).toBe("the server is busy and this address has 3 transfers");
    expect(take("d", 0, true)).toBeNull();
    expect(gone()).toEqual([2, 3]);
    expect(take("e", 0, true)).toEqual(waits);
    expect(slots.size).toBe(4);
  });

  it("are not taken from clients that answer while they have less than half of them", () => {
    const { take, gone } = full("a", "b", "b", "c", "d");
    expect(take("e")).toEqual(waits);
    expect(gone()).toEqual([]);
  });

  it("are not passed to and fro between addresses that have nearly as many", () => {
    const { take, gone } = full("a", "a", "b");
    expect(take("b")).not.toBeNull();
    expect(gone()).toEqual([]);
  });

  it("are first taken from transfers that were never answered", () => {
    const { take, gone } = full("b", "b?", "b", "b?");
    expect(take("c")).toBeNull();
    expect(gone()).toEqual([1]);
  });

  it("are not held by addresses that never answer: those of the address with most go first", () => {
    const { holders, take, gone } = full("a", "b?", "c?", "c?", "c?");
    expect(take("d", 1999, true)).toBeNull();
    expect(holders[2]?.gone).toBe("the server is busy and this client has not answered yet");
    expect(gone()).toEqual([2]);
  });

  it("are first taken from those that had two seconds to answer, whoever it is", () => {
    const { holders, take, gone } = full("a", "b?", "c?", "c?", "c?");
    expect(take("d", 2000)).toBeNull();
    expect(holders[1]?.gone).toBe("the server is busy and this client does not answer");
    expect(gone()).toEqual([1]);
  });

  it("are free again when a transfer has ended", () => {
    const { slots, holders, take } = full("a", "b");
    if (holders[0] !== undefined) slots.release(holders[0]);
    expect(slots.size).toBe(1);
    expect(take("c")).toBeNull();
  });
});

describe("field fault 46: transfers that one address requests", () => {
  /** How many of `count` requests at this time are let in; what becomes of each is up to `then`. */
  function requested(
    slots: TransferSlots,
    [count, now, address]: readonly [number, number, string],
    then: (holder: Holder) => void = () => {},
  ): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const holder = new Holder(slots, address, now);
      if (slots.take(holder) !== null) continue;
      taken += 1;
      then(holder);
    }
    return taken;
  }

  it("are as many as there are slots, and a tenth of that each second", () => {
    const slots = new TransferSlots(1000);
    expect(requested(slots, [3000, 0, "a"])).toBe(1000);
    expect(requested(slots, [3000, 500, "a"])).toBe(50);
    expect(requested(slots, [3000, 1500, "a"])).toBe(100);
    expect(requested(slots, [3, 1500, "b"])).toBe(3);
  });

  it("are refused without a word beyond that, or the answers would be part of the flood", () => {
    const slots = new TransferSlots(64);
    requested(slots, [64, 0, "a"]);
    const reason = "this address requests too many transfers that it does not answer";
    expect(slots.take(new Holder(slots, "a", 0))).toEqual({ reason, tell: false });
  });

  it("do not count once they are answered, or refused for another reason", () => {
    const slots = new TransferSlots(1000);
    const answer = (holder: Holder): void => {
      slots.answered(holder);
      slots.release(holder);
    };
    expect(requested(slots, [5000, 0, "a"], answer)).toBe(5000);
    const refuse = (holder: Holder): void => slots.release(holder, true);
    expect(requested(slots, [5000, 0, "a"], refuse)).toBe(5000);
  });
});

/** Many holders whose ends are counted. */
function crowded(maxTransfers: number) {
  const slots = new TransferSlots(maxTransfers);
  const enter = (address: string, startedAt: number, answers: boolean) => {
    const holder = new Holder(slots, address, startedAt);
    const refusal = slots.take(holder);
    if (answers && refusal === null) slots.answered(holder);
    return { holder, refusal };
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
  entered.filter(({ holder }) => holder.gone !== null).length;

describe("when all slots are taken", () => {
  it("new clients get those of silent ones, not those of machines behind one address", () => {
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
