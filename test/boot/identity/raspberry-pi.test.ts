import { describe, expect, it } from "vitest";
import { isRaspberryPi, piSerialOf } from "../../../src/boot/identity/raspberry-pi.ts";
import { fromHex } from "../../../src/lib/bytes.ts";
import { readMachineUuid } from "../../../src/dhcp/wire/machine-uuid.ts";

function uuidOf(hex: string): string {
  return readMachineUuid(fromHex(`00 ${hex}`)) ?? "";
}

describe("a Raspberry Pi's serial number, of option 97", () => {
  it.each([
    // raspberrypi/firmware#1605, a Pi 3 with the MAC b8:27:eb:6c:4c:16 and the folder b66c4c16
    ["164c6cb6 164c6cb6 164c6cb6 164c6cb6", "b66c4c16"],
    // The boot loader's form since 2020: RPi4, revision c03111, end of the MAC, serial number
    ["52506934 1131c000 32b804fc 580578d9", "d9780558"],
    ["52506935 7041d000 67cf2c01 aabbccdd", "ddccbbaa"],
  ])("%s is %s", (hex, serial) => {
    expect(piSerialOf(uuidOf(hex))).toBe(serial);
  });

  it.each(["4c4c4544-0042-4310-8036-c2c04f4d4d32", "03000200-0400-0500-0006-000700080009"])(
    "is not in another machine's UUID: %s",
    (uuid) => {
      expect(piSerialOf(uuid)).toBeNull();
    },
  );
});

it("a Raspberry Pi is known by its vendor's prefix", () => {
  expect(isRaspberryPi("dc:a6:32:b8:04:5c")).toBe(true);
  expect(isRaspberryPi("08:00:27:29:4e:67")).toBe(false);
});
