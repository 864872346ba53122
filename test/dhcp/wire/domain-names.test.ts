import { expect, test } from "vitest";
import { decodeDomains, encodeDomains } from "../../../src/dhcp/wire/domain-names.ts";
import { DecodeError } from "../../../src/lib/errors.ts";

/** A name of 126 labels, and then so many names that are a pointer to it. */
function repeatedName(times: number): Uint8Array {
  const name = Array.from({ length: 126 }, () => [1, 0x61]).flat();
  const pointers = Array.from({ length: times }, () => [0xc0, 0]).flat();
  return Uint8Array.of(...name, 0, ...pointers);
}

test("names are read that point to others, and written without pointers", () => {
  const name = Array.from({ length: 126 }, () => "a").join(".");
  expect(decodeDomains(repeatedName(2))).toEqual([name, name, name]);
  expect(decodeDomains(encodeDomains([name, "site.example"]))).toEqual([name, "site.example"]);
});

test("a datagram of pointers does not become megabytes of names", () => {
  expect(() => decodeDomains(repeatedName(32_000))).toThrow(DecodeError);
});
