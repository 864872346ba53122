import { expect, test } from "vitest";
import { knownNeighbours, neighbourIn } from "../../../src/daemon/links/neighbours.ts";

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

test("of two links the one is asked on which the address is known", () => {
  const other = table.replaceAll("eth1", "eth2").replaceAll("0x6", "0x0");
  expect(neighbourIn(other + table.replace(/^.*\n/, ""), "192.168.77.12")).toBe(
    "52:54:00:ab:cd:03",
  );
});

test("there is none at an address that nobody has", () => {
  expect(knownNeighbours({ now: () => 0 })("192.0.2.77")).toBeNull();
});

test("the table is read a hundred times a second at most, however many ask, and is that of some milliseconds ago then", () => {
  let [nowMs, reads, text] = [0, 0, ""];
  const at = knownNeighbours({ now: () => nowMs }, () => {
    reads += 1;
    return text;
  });
  for (; nowMs < 10_000; nowMs += 1) at("192.168.77.12");
  expect(reads).toBeLessThanOrEqual(1100);
  text = table;
  const known = () => Array.from({ length: 11 }, () => (nowMs += 1) && at("192.168.77.12"));
  expect(known().at(-1)).toBe("52:54:00:ab:cd:03");
});

test("one of a thousand made-up addresses is found without a look at the others", () => {
  const line = (n: number) =>
    `${`10.1.${n >> 8}.${n & 255}`.padEnd(17)}0x1         0x0         00:00:00:00:00:00     *        eth1\n`;
  const long = table + Array.from({ length: 1024 }, (_, n) => line(n)).join("");
  const startedAt = performance.now();
  for (let n = 0; n < 2000; n += 1) neighbourIn(long, "192.0.2.77");
  expect(performance.now() - startedAt).toBeLessThan(1000);
});
