import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { identityOf, parseIdentity } from "../../../src/boot/identity/identity.ts";
import { swappedUuid } from "../../../src/boot/identity/uuid.ts";
import { matchesWildcard } from "../../../src/boot/identity/wildcard.ts";

describe("matchesWildcard", () => {
  test.each([
    ["08:00:27:*", "08:00:27:29:4e:67", true],
    ["08:00:27:*", "08:00:28:29:4e:67", false],
    ["*:67", "08:00:27:29:4e:67", true],
    ["SN??", "SN01", true],
    ["SN??", "SN1", false],
    ["*A*B*", "xxAyyBzz", true],
    ["*A*B*", "xxByyAzz", false],
    ["*", "", true],
    ["?", "", false],
    ["a.c", "abc", false],
  ])("%s fits %s: %s", (pattern, text, fits) => {
    expect(matchesWildcard(pattern, text)).toBe(fits);
  });

  test("agrees with a regular expression", () => {
    const letters = fc.array(fc.constantFrom("a", "b", "*", "?"), { maxLength: 8 });
    const text = fc.array(fc.constantFrom("a", "b"), { maxLength: 10 });
    fc.assert(
      fc.property(letters, text, (pattern, asked) => {
        const form = pattern.join("").replaceAll("*", ".*").replaceAll("?", ".");
        const whole = asked.join("");
        expect(matchesWildcard(pattern.join(""), whole)).toBe(new RegExp(`^${form}$`).test(whole));
      }),
    );
  });

  test("takes no longer than pattern times text, whatever the pattern is", () => {
    expect(matchesWildcard(`${"*a".repeat(60)}b`, "a".repeat(20_000))).toBe(false);
  });
});

describe("parseIdentity", () => {
  test.each([
    ["mac", "08-00-27-29-4E-67", "08:00:27:29:4e:67"],
    ["mac", "08-00-27-*", "08:00:27:*"],
    ["mac", "08:00:27", null],
    ["mac", "zz:*", null],
    ["uuid", "11223344-5566-7788-99AA-BBCCDDEEFF00", "11223344-5566-7788-99aa-bbccddeeff00"],
    ["uuid", "1122*", "1122*"],
    ["uuid", "1122", null],
    ["serial", "SN 1", "SN 1"],
    ["serial", "", null],
    ["serial", "x".repeat(129), null],
  ] as const)("reads %s %s as %s", (kind, text, value) => {
    expect(parseIdentity(kind, text)).toBe(value);
  });
});

describe("identityOf", () => {
  test.each([
    ["08-00-27-29-4E-67", "mac", "08:00:27:29:4e:67"],
    ["08:00:27:*", "mac", "08:00:27:*"],
    ["11223344-5566-7788-99AA-BBCCDDEEFF00", "uuid", "11223344-5566-7788-99aa-bbccddeeff00"],
    ["11223344-*", "uuid", "11223344-*"],
    ["SN1", "serial", "SN1"],
    ["AB*", "serial", "AB*"],
  ])("takes %s as a %s", (text, kind, value) => {
    expect(identityOf(text)).toEqual({ kind, value });
  });
});

test("swappedUuid reads the first three fields in the other byte order, and back", () => {
  const uuid = "11223344-5566-7788-99aa-bbccddeeff00";
  expect(swappedUuid(uuid)).toBe("44332211-6655-8877-99aa-bbccddeeff00");
  expect(swappedUuid(swappedUuid(uuid))).toBe(uuid);
});
