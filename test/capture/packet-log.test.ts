import { describe, expect, it } from "vitest";
import { PacketLog } from "../../src/capture/packet-log.ts";
import { datagramOf } from "../support/captured.ts";

const machine = { address: "192.168.77.101", port: 68 };
const server = { address: "255.255.255.255", port: 67 };

const packet = (n: number, length = 300) =>
  datagramOf(new Uint8Array(length).fill(n), machine, server);

describe("a log of packets", () => {
  it("gives back what was added, with moments, endpoints and bytes", () => {
    const log = new PacketLog();
    log.add(packet(1), 12.25);
    log.add(datagramOf(new Uint8Array(), server, machine), 4_000_000_000.5);
    log.add(packet(3, 65_507), 4_000_000_001);
    expect(log.all()).toEqual([
      { ...packet(1), atMs: 12.25 },
      { ...datagramOf(new Uint8Array(), server, machine), atMs: 4_000_000_000.5 },
      { ...packet(3, 65_507), atMs: 4_000_000_001 },
    ]);
    expect(log.length).toBe(3);
  });

  it("keeps bytes of its own: whoever received a packet may use its memory again", () => {
    const log = new PacketLog();
    const received = packet(7, 20);
    log.add(received, 0);
    received.payload.fill(0);
    const given = log.all()[0]?.payload;
    given?.fill(1);
    expect(log.all()[0]?.payload).toEqual(new Uint8Array(20).fill(7));
  });

  it("drops the oldest, and goes on when none is left or all were taken away", () => {
    const log = new PacketLog();
    for (let n = 0; n < 5; n++) log.add(packet(n), n);
    log.dropOldest();
    expect(log.all().map(({ atMs }) => atMs)).toEqual([1, 2, 3, 4]);
    for (let n = 0; n < 5; n++) log.dropOldest();
    expect(log).toMatchObject({ length: 0, used: 0 });
    log.add(packet(9), 9);
    expect(log.all()).toEqual([{ ...packet(9), atMs: 9 }]);
    log.clear();
    expect([log.all(), log.length, log.used]).toEqual([[], 0, 0]);
    log.add(packet(8), 8);
    expect(log.all()).toEqual([{ ...packet(8), atMs: 8 }]);
  });

  it("tells whether the newest two are such, also when one of them was replaced", () => {
    const log = new PacketLog();
    const areTwo = (byte: number, below = 2000, from = machine.port, to = server.port) =>
      log.areNewestTwo(from, to, below, byte);
    log.add(packet(0), 0);
    expect(areTwo(0)).toBe(false);
    for (let n = 1; n < 30; n++) {
      log.add(packet(200), 200);
      expect([areTwo(200), areTwo(n - 1)]).toEqual([false, false]);
      // Also one that is longer, for which there may be no room.
      log.replaceNewest(packet(n, 1400), n);
      log.add(packet(n), n);
      expect(areTwo(n)).toBe(true);
      expect([areTwo(n, 1400), areTwo(n, 300), areTwo(n, 2000, 69)]).toEqual([false, false, false]);
      expect(areTwo(n, 2000, machine.port, 69)).toBe(false);
      expect(log.all().slice(-2)).toEqual([
        { ...packet(n, 1400), atMs: n },
        { ...packet(n), atMs: n },
      ]);
      if (log.length > 4) log.dropOldest();
    }
  });

  it("takes little more memory than a bounded number of packets, however many come", () => {
    const log = new PacketLog();
    for (let n = 0; n < 10_000; n++) {
      log.add(packet(n & 255, 200 + ((n * 37) % 200)), n);
      if (log.length > 128) log.dropOldest();
    }
    expect(log.all().map(({ atMs }) => atMs)).toEqual(
      Array.from({ length: 128 }, (_, n) => 9872 + n),
    );
    expect(log.all().at(-1)?.payload).toEqual(
      packet(9999 & 255, 200 + ((9999 * 37) % 200)).payload,
    );
    expect(log.size).toBeLessThan(2 * log.used);
  });
});
