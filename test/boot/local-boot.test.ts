import { describe, expect, test } from "vitest";
import { LocalBootTable, localBootWays } from "../../src/boot/local-boot.ts";

const mac = "52:54:00:12:34:56";
const minute = 60_000;

/** A machine that was sent on at time 0 in the first way. */
function sentOn(): LocalBootTable {
  const table = new LocalBootTable();
  table.sentOn(mac, 0);
  return table;
}

describe("the way in which a machine is sent on to its disk", () => {
  test("is no offer at first, and iPXE that exits when its firmware repeats its request", () => {
    const table = sentOn();
    expect(table.of(mac)).toMatchObject({ way: "silent", worked: false });
    // EDK2: 0, 4, 12 and 28 s, by PXE and then by HTTP boot.
    for (const seconds of [4, 12, 28, 60, 64, 72, 88]) {
      table.asks(mac, seconds * 1000);
      expect(table.of(mac)).toMatchObject({ way: "exit", worked: false });
    }
  });

  test("stays no offer where that worked, however often its firmware repeats its request", () => {
    const table = sentOn();
    table.systemHeard(mac, 1000);
    for (let second = 600; second < 660; second += 4) table.asks(mac, second * 1000);
    expect(table.of(mac)).toMatchObject({ way: "silent", worked: true });
  });

  test("is the next one each time that the machine comes back soon, and the first after the last", () => {
    const table = sentOn();
    const ways = [1, 2, 3, 4].map((times) => {
      table.asks(mac, times * 2 * minute);
      return table.wayOf(mac);
    });
    expect(ways).toEqual(["exit", "sanboot", "not-found", "silent"]);
  });

  test("is the next one when the firmware asks without end", () => {
    const table = sentOn();
    for (let second = 0; second < 20; second++) table.asks(mac, second * 1000);
    expect(table.wayOf(mac)).toBe("sanboot");
  });

  test("is not-found at once where its iPXE can do nothing but restart it", () => {
    const table = sentOn();
    table.asks(mac, 4000);
    table.restarts(mac, 20_000);
    for (const seconds of [30, 34, 42, 58]) table.asks(mac, seconds * 1000);
    expect(table.of(mac)).toMatchObject({ way: "not-found", worked: false });
    table.systemHeard(mac, 120_000);
    expect(table.worked()).toMatchObject([{ mac, way: "not-found" }]);
  });

  test("is not-found in place of a script that ends, where one is set and its iPXE cannot end, until it is forgotten", () => {
    const table = new LocalBootTable();
    const ways = () => localBootWays.map((setting) => table.wayFor(setting, mac));
    expect(ways()).toEqual(localBootWays);
    table.restarts(mac, 20_000);
    expect(ways()).toEqual(["silent", "not-found", "not-found", "not-found"]);
    table.systemHeard(mac, 120_000);
    expect(ways()).toEqual(["silent", "not-found", "not-found", "not-found"]);
    expect(table.wayFor("exit", null)).toBe("exit");
    table.forget(mac);
    expect(ways()).toEqual(localBootWays);
  });

  test("worked when the machine stays away, and is kept then", () => {
    const table = sentOn();
    table.asks(mac, 2 * minute);
    expect(table.asks(mac, 60 * minute)).toBe(true);
    expect(table.worked()).toMatchObject([{ mac, way: "exit", worked: true }]);
    // Restarted by hand.
    expect(table.asks(mac, 62 * minute)).toBe(false);
    expect(table.wayOf(mac)).toBe("exit");
  });

  test("worked when its operating system is heard, which is told once", () => {
    const table = sentOn();
    expect(table.systemHeard(mac, minute)).toBe(true);
    expect(table.systemHeard(mac, 2 * minute)).toBe(false);
    expect(table.systemHeard("52:54:00:00:00:01", minute)).toBe(false);
    expect(table.worked()).toHaveLength(1);
  });

  test("did not work where the operating system of somebody is heard only days later", () => {
    expect(sentOn().systemHeard(mac, 60 * minute)).toBe(false);
  });

  test("is forgotten on demand, and by no flood of machines that only ask", () => {
    const table = new LocalBootTable(10);
    table.sentOn(mac, 0);
    table.systemHeard(mac, 1000);
    for (let n = 0; n < 100; n++) table.sentOn(`52:54:00:00:00:${n}`, n);
    expect(table.of(mac)?.worked).toBe(true);
    expect([table.forget(mac), table.forget(mac), table.of(mac)]).toEqual([true, false, null]);
  });
});
