import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { arpEntry, Presence } from "../../src/net/presence.ts";

// From Linux 6.1.
const table = `IP address       HW type     Flags       HW address            Mask     Device
10.8.1.100       0x1         0x2         52:54:00:00:00:0A     *        eth1
10.8.1.101       0x1         0x0         00:00:00:00:00:00     *        eth1
10.8.1.102       0x1         0x6         52:54:00:00:00:0b     *        eth1
`;

describe("the kernel's ARP table", () => {
  test("names who answered for an address on a device", () => {
    expect(arpEntry(table, "eth1", "10.8.1.100")).toBe("52:54:00:00:00:0a");
    expect(arpEntry(table, "eth1", "10.8.1.102")).toBe("52:54:00:00:00:0b");
  });

  test("says nothing of an address that nobody answered for, or that is elsewhere", () => {
    expect(arpEntry(table, "eth1", "10.8.1.101")).toBeNull();
    expect(arpEntry(table, "eth2", "10.8.1.100")).toBeNull();
    expect(arpEntry(table, "eth1", "10.8.1.10")).toBeNull();
    expect(arpEntry("", "eth1", "10.8.1.100")).toBeNull();
  });
});

describe("an address", () => {
  const place = { interface: "lo", address: "127.0.0.1" };

  test("counts as free where nobody can be asked", async () => {
    const presence = new Presence(systemClock, () => Promise.resolve(null));
    expect(await presence.isInUse(place, "127.0.7.9", "52:54:00:00:00:01")).toBe(false);
    const nowhere = { interface: "lo", address: "192.0.2.1" };
    expect(await presence.isInUse(nowhere, "127.0.7.9", "52:54:00:00:00:01")).toBe(false);
    await presence.close();
  });

  test("is looked at for thirty newcomers at once; the next one waits for nothing", async () => {
    let opened = 0;
    const presence = new Presence({ now: () => 0, wall: () => 0 }, () => {
      opened += 1;
      return Promise.resolve(null);
    });
    const look = (n: number) =>
      presence.isInUse({ ...place, interface: `lo${n}` }, "127.0.7.9", "52:54:00:00:00:01");
    await Promise.all(Array.from({ length: 40 }, (_, n) => look(n)));
    expect(opened).toBe(30);
    await presence.close();
  });
});
