import { expect, test } from "vitest";
import { atOnce, firstWanted, inTurns, madeOfEach } from "../../../src/lib/lists/turns.ts";

const numbers = Array.from({ length: 1000 }, (_, n) => n);
const isEven = (n: number) => n % 2 === 0;

test("the first that are wanted are looked for no further than that", () => {
  let looked = 0;
  const isWanted = (n: number) => {
    looked += 1;
    return isEven(n);
  };
  expect(atOnce(firstWanted(numbers, 3, isWanted))).toEqual([0, 2, 4]);
  expect(looked).toBe(5);
  expect(atOnce(firstWanted(numbers, Infinity, isEven))).toHaveLength(500);
  expect(atOnce(firstWanted(numbers, 0, isEven))).toEqual([]);
});

test("others have their turn after so many steps", async () => {
  let turns = 0;
  const nextTurn = () => {
    turns += 1;
    return Promise.resolve();
  };
  const few = await inTurns(firstWanted(numbers, 3, isEven), 100, nextTurn);
  expect([few, turns]).toEqual([[0, 2, 4], 0]);
  const all = await inTurns(firstWanted(numbers, Infinity, isEven), 100, nextTurn);
  expect([all.length, turns]).toEqual([500, 10]);
});

test("what is made of each item comes in their order", () => {
  expect(atOnce(madeOfEach([3, 1, 2], String))).toEqual(["3", "1", "2"]);
  expect(atOnce(madeOfEach([], String))).toEqual([]);
});
