import { expect, test } from "vitest";
import { routeIn } from "../../src/dashboard/view/hooks.ts";

test.each([
  ["", ""],
  ["#/site", "site"],
  ["#/machine/52%3A54%3A00%3A7a%3A10%3A01", "machine/52:54:00:7a:10:01"],
  // Cut off in a mail, or typed.
  ["#/machine/52%3A54%3", "machine/52%3A54%3"],
])("%s leads to %j", (hash, route) => {
  expect(routeIn(hash)).toBe(route);
});
