import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { arpEntry, ConflictProbe } from "../../src/net/conflict-probe.ts";

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
  const subnet = { network: "127.0.0.0", prefixLength: 16 };
  const place = { interface: "lo", address: "127.0.0.1", subnet };
  const mac = "52:54:00:00:00:01";

  test("counts as free where nobody can be asked", async () => {
    const conflictProbe = new ConflictProbe(systemClock, () => Promise.resolve(null));
    expect(await conflictProbe.usedBy(place, "127.0.7.9", mac)).toBe("nobody");
    const nowhere = { ...place, address: "192.0.2.1" };
    expect(await conflictProbe.usedBy(nowhere, "127.0.7.9", mac)).toBeNull();
    await conflictProbe.close();
  });

  test("is in use by ARP in the link's own network only: beyond it a router answers for everybody", async () => {
    const entry = (address: string) => `${address} 0x1 0x2 52:54:00:00:00:99 * lo`;
    let tables = 0;
    const answering = () => {
      tables += 1;
      return Promise.resolve(
        tables % 2 === 1 ? "" : `\n${entry("127.0.7.9")}\n${entry("127.9.7.9")}`,
      );
    };
    const conflictProbe = new ConflictProbe(systemClock, () => Promise.resolve(null), answering);
    expect(await conflictProbe.usedBy(place, "127.0.7.9", mac)).toBe("other");
    expect(tables).toBe(2);
    expect(await conflictProbe.usedBy(place, "127.9.7.9", mac)).toBeNull();
    expect(tables).toBe(2);
    await conflictProbe.close();
  });

  test("is looked at for twenty newcomers at once, and then not until it is calm", async () => {
    let opened = 0;
    let nowMs = 0;
    const conflictProbe = new ConflictProbe({ now: () => nowMs, wall: () => nowMs }, () => {
      opened += 1;
      return Promise.resolve(null);
    });
    const look = (n: number) =>
      conflictProbe.usedBy({ ...place, interface: `lo${n}` }, "127.0.7.9", "52:54:00:00:00:01");
    await Promise.all(Array.from({ length: 40 }, (_, n) => look(n)));
    expect(opened).toBe(20);
    // A newcomer each half second is no calm, whatever has been saved up meanwhile.
    for (let n = 40; n < 60; n++) {
      nowMs += 500;
      await look(n);
    }
    expect(opened).toBe(20);
    nowMs += 1000;
    await look(60);
    expect(opened).toBe(21);
    await conflictProbe.close();
  });
});
