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

  it("tells what the newest two are, also when one of them was replaced", () => {
    const log = new PacketLog();
    const are = (...moments: readonly number[]) =>
      log.areNewestTwo(({ atMs }) => moments.includes(atMs));
    log.add(packet(0), 0);
    expect(are(0)).toBe(false);
    for (let n = 1; n < 30; n++) {
      log.add(packet(200), 200);
      expect(are(200, n - 1)).toBe(true);
      expect(are(200)).toBe(false);
      expect(are(n - 1)).toBe(false);
      // Also one that is longer, for which there may be no room.
      log.replaceNewest(packet(n, 1400), n);
      expect(are(n, n - 1)).toBe(true);
      expect(log.all().at(-1)).toEqual({ ...packet(n, 1400), atMs: n });
      if (log.length > 3) log.dropOldest();
    }
    expect(log.all().map(({ atMs }) => atMs)).toEqual([27, 28, 29]);
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
