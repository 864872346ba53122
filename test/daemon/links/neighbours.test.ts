import { expect, test } from "vitest";
import { neighbourAt, neighbourIn } from "../../../src/daemon/links/neighbours.ts";

const table = `IP address       HW type     Flags       HW address            Mask     Device
192.168.77.10    0x1         0x2         52:54:00:AB:cd:01     *        eth1
192.168.77.11    0x1         0x0         00:00:00:00:00:00     *        eth1
192.168.77.12    0x1         0x6         52:54:00:ab:cd:03     *        eth1
`;

test.each([
  ["192.168.77.10", "52:54:00:ab:cd:01"],
  ["192.168.77.11", null],
  ["192.168.77.12", "52:54:00:ab:cd:03"],
  ["192.168.77.1", null],
])("the neighbour at %s is %s", (address, mac) => {
  expect(neighbourIn(table, address)).toBe(mac);
});

test("there is none at an address that nobody has", () => {
  expect(neighbourAt("192.0.2.77")).toBeNull();
});
