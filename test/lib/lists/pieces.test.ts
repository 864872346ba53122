import { expect, test } from "vitest";
import { piecesOf } from "../../../src/lib/lists/pieces.ts";

test("a piece ends with the line that makes it long enough", () => {
  expect([...piecesOf(["ab\n", "cd\n", "ef\n"], 4)]).toEqual(["ab\ncd\n", "ef\n"]);
});

test("no line is cut, however long", () => {
  expect([...piecesOf(["abcdefgh\n", "i\n"], 4)]).toEqual(["abcdefgh\n", "i\n"]);
});

test("a line is made when its piece is, and none before", () => {
  const made: number[] = [];
  const lines = function* (): Iterable<string> {
    for (const n of [1, 2, 3]) {
      made.push(n);
      yield "abc\n";
    }
  };
  const pieces = piecesOf(lines(), 4);
  pieces.next();
  expect(made).toEqual([1]);
});

test("there is none of no lines", () => {
  expect([...piecesOf([], 4)]).toEqual([]);
});
