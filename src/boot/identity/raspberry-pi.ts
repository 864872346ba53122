import type { Mac } from "../../lib/mac.ts";

/* What tells a Raspberry Pi's own boot ROM and boot loader from other firmware, and one Pi from another. */

// The Raspberry Pi's boot ROM announces architecture 0 (x86 BIOS); only its vendor prefix tells.
// Source: the IEEE's list of assignments. The last two are of models since 2024, among them Pi 5.
const prefixes = [
  "b8:27:eb",
  "dc:a6:32",
  "e4:5f:01",
  "28:cd:c1",
  "d8:3a:dd",
  "2c:cf:67",
  "88:a2:9e",
];

export function isRaspberryPi(mac: Mac): boolean {
  return prefixes.some((prefix) => mac.startsWith(prefix));
}

/**
 * The last 32 bits of its serial number, by which a Pi names its folder, from the client machine identifier (option 97)
 * as a UUID; null where that is of another form. Pi 3, and Pi 4 of before 2020: the serial number four times
 * (raspberrypi/firmware#1605: the bytes `16 4c 6c b6` for b66c4c16). Since then: `RPi4` or `RPi5`, the board's revision, the end of
 * the MAC address, the serial number (documentation of the boot loader's DHCP_OPTION97).
 */
export function piSerialOf(uuid: string): string | null {
  // The text form has the first three fields with their bytes turned round, and the others as they came.
  const first = uuid.slice(0, 8);
  const last = uuid.slice(-8);
  const serial = last.match(/../g)?.toReversed().join("") ?? "";
  const isRepeated = first === serial && uuid.slice(-12, -8) === last.slice(4);
  const isNamed = /^3[0-9]695052$/.test(first);
  return isRepeated || isNamed ? serial : null;
}
