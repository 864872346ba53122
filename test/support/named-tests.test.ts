import { expect, test } from "vitest";
import { titlesIn } from "./named-tests.ts";

test("the titles of tests are those of it, test and describe, and no other text of a file", () => {
  const source = `
    // a comment says "a title"
    describe("a group", () => {
      it.each([["one"], ["two"]])("of %s", () => expect("a text").toBe(file("another")));
      test.skipIf(reason !== null)(\`of \${name}\`, run);
    });`;
  expect(titlesIn(source)).toEqual(["a group", "of %s", "of ${name}"]);
});
