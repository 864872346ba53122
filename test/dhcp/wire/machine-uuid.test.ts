import { expect, test } from "vitest";
import { fromHex } from "../../../src/lib/bytes.ts";
import { uuidFromBytes, uuidToBytes } from "../../../src/dhcp/wire/machine-uuid.ts";

// A QEMU machine started with this UUID: EDK2 and iPXE both put these bytes into option 97.
const text = "e1a9c0de-0077-4123-8456-0000000000ab";
const bytes = fromHex("dec0a9e1 7700 2341 8456 0000000000ab") ?? new Uint8Array();

test("a UUID has its first three fields in little-endian order on the wire", () => {
  expect(uuidFromBytes(bytes)).toBe(text);
  expect(uuidToBytes(text)).toEqual(bytes);
});
