import { beforeEach, describe, expect, test } from "vitest";
import { EventBus } from "../../src/events/bus.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { provedIdentity } from "../../src/timeline/claims.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { otherMac, say, storyAddress, storyMac } from "../support/boot-story.ts";

/*
 * Anybody can write a machine's hardware address into a URL. Of a machine whose address nobody knows yet such a request
 * is shown, and nothing is decided by what it says (field fault 47 and its kind).
 */

const elsewhere = "192.168.77.66";
const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
let nowMs: number;
let sessions: BootSessions;
let bus: EventBus;
let neighbours: Map<string, string>;
let asked: number;

beforeEach(() => {
  nowMs = 1_000_000;
  asked = 0;
  const clock = { now: () => nowMs, wall: () => nowMs };
  sessions = new BootSessions();
  bus = new EventBus(clock);
  neighbours = new Map();
  const neighbourAt = (address: string) => {
    asked += 1;
    return neighbours.get(address) ?? null;
  };
  bus.attach([
    new TimelineRecorder({ sessions, clock, neighbourAt, emit: bus.emit, stageReached: () => {} }),
  ]);
});

const machine = () => sessions.latest({ mac: storyMac, address: null });
const decided = () => provedIdentity(machine());
const names = (event: PxeEvent, told: object, address = elsewhere): PxeEvent => ({
  ...event,
  ...told,
  ...("mac" in event ? { mac: storyMac, address } : {}),
});
const system: PxeEvent = {
  event: "system-dhcp",
  mac: storyMac,
  address: null,
  interface: "eth1",
};

describe("what a request says of a machine whose address nobody knows", () => {
  test("is shown, and whether the machine may boot is not decided by it", () => {
    bus.emit(names(say.script(), { uuid: "u", serial: "LISTED" }));
    expect(machine()).toMatchObject({ uuid: "u", serial: "LISTED", claims: ["uuid", "serial"] });
    expect(decided()).toEqual({ uuid: null, serial: null });
    expect(machine()?.steps).toMatchObject([{ stage: "script", certainty: "reported" }]);
  });

  test("replaces nothing that is proved, and what is proved replaces it", () => {
    bus.emit(names(say.script(), { serial: "CLAIMED" }));
    bus.emit(say.address());
    bus.emit(names(say.script(), { serial: "OWN" }, storyAddress));
    expect(decided().serial).toBe("OWN");
    expect(machine()?.claims).toEqual([]);
    sessions.record(
      "script",
      { mac: storyMac, address: elsewhere, serial: "X", isClaim: true },
      {},
      {
        nowMs,
        wallMs: nowMs,
      },
    );
    expect(decided().serial).toBe("OWN");
  });

  test("stays a claim in the boots that follow", () => {
    bus.emit(names(say.script(), { serial: "CLAIMED" }));
    nowMs += 3_600_000;
    bus.emit(say.discover());
    expect(sessions.list()).toHaveLength(2);
    expect(machine()).toMatchObject({ serial: "CLAIMED", claims: ["serial"] });
  });

  test("joins the machine's boot to no trace", () => {
    const traced = new BootSessions();
    sessions = traced;
    bus.emit(names(say.script(), { traceparent: trace }));
    expect(machine()?.trace ?? null).toBeNull();
  });

  test("does not make of the machine's next DHCP request the Micro-OS, which would use up its `once`", () => {
    const heard: PxeEvent[] = [];
    bus.attach([{ name: "test", hears: "every", hear: (event) => heard.push(event) }]);
    for (const event of [say.script(), say.kernel(), say.initramfs(), say.initramfsDone()]) {
      bus.emit(names(event, {}));
    }
    expect(machine()?.stage).toBe("initramfs-done");
    bus.emit(system);
    bus.emit(say.address());
    bus.emit(system);
    expect(heard.map(({ event }) => event)).not.toContain("micro-os");
    expect(machine()?.stage).toBe("initramfs-done");
  });

  test("is the machine's own word where the operating system knows the address by the machine", () => {
    neighbours.set(elsewhere, storyMac);
    bus.emit(names(say.script(), { serial: "OWN" }));
    expect(decided().serial).toBe("OWN");
    expect(sessions.ownerOf(elsewhere)).toBe(storyMac);
  });

  test("has the table of neighbours read once a second for one address, and 200 times for all", () => {
    for (let n = 0; n < 50; n += 1) bus.emit(names(say.script(), {}));
    expect(asked).toBe(1);
    for (let n = 0; n < 1000; n += 1) {
      bus.emit(names(say.script(), {}, `10.0.${n >> 8}.${n & 255}`));
    }
    expect(asked).toBe(200);
  });
});

describe("a DHCPREQUEST for an address that another machine has", () => {
  beforeEach(() => {
    bus.emit(say.address());
    bus.emit(names(say.script(), { serial: "OWN" }, storyAddress));
  });
  const taken: PxeEvent = {
    event: "address-learned",
    mac: otherMac,
    address: storyAddress,
    interface: "eth1",
  };

  test("takes nothing from the machine while that answers there", () => {
    neighbours.set(storyAddress, storyMac);
    bus.emit(taken);
    expect(sessions.ownerOf(storyAddress)).toBe(storyMac);
    bus.emit(names(say.kernel(), {}, storyAddress));
    expect(machine()?.stage).toBe("kernel");
    expect(sessions.latest({ mac: otherMac, address: null })).toBeNull();
  });

  test("is right as soon as the other machine is heard from there", () => {
    neighbours.set(storyAddress, storyMac);
    bus.emit(taken);
    neighbours.set(storyAddress, otherMac);
    bus.emit({
      event: "loader-start",
      mac: null,
      address: storyAddress,
      file: "ipxe.efi",
      protocol: "tftp",
      bytes: 1_000_000,
    });
    expect(sessions.ownerOf(storyAddress)).toBe(otherMac);
    expect(sessions.latest({ mac: otherMac, address: null })?.stage).toBe("loader-start");
  });

  test("is believed where nobody can tell, behind a relay agent", () => {
    bus.emit(taken);
    expect(sessions.ownerOf(storyAddress)).toBe(otherMac);
  });

  test("is not believed because somebody asks too often for the table to be read", () => {
    neighbours.set(storyAddress, storyMac);
    for (let n = 0; n < 1000; n += 1) bus.emit(taken);
    expect(asked).toBeLessThan(300);
    expect(sessions.ownerOf(storyAddress)).toBe(storyMac);
  });
});
