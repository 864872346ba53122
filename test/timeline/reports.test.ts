import { beforeEach, describe, expect, test } from "vitest";
import { EventBus } from "../../src/events/bus.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { otherMac, say, storyAddress, storyMac } from "../support/boot-story.ts";

/*
 * Field fault 47: whoever is on the link can name any machine in a report and in a URL. What comes from an
 * address is the machine's that has it.
 */

const stranger = "192.168.77.66";
const strangerMac = "08:00:27:00:00:66";
let sessions: BootSessions;
let bus: EventBus;
let heard: PxeEvent[];
let neighbours: Map<string, string>;
const clock = { now: () => 1_000_000, wall: () => 1_000_000 };

beforeEach(() => {
  sessions = new BootSessions();
  bus = new EventBus(clock);
  heard = [];
  neighbours = new Map();
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: (address) => neighbours.get(address) ?? null,
      emit: bus.emit,
      stageReached: () => {},
    }),
    { name: "test", hears: "every", hear: (event) => heard.push(event) },
  ]);
});

const machine = () => sessions.latest({ mac: storyMac, address: null });
const eventsOf = () => {
  const boot = machine();
  return boot === null ? [] : sessions.eventsOf(boot).map((text): unknown => JSON.parse(text));
};

/** The machine has fetched everything. */
function boots(withAddress = true): void {
  const all = [say.discover(), say.offer(), say.script(), say.kernel(), say.initramfs()];
  if (withAddress) bus.emit(say.address());
  for (const event of all) bus.emit(event);
  bus.emit(say.initramfsDone());
}

/** Names the machine from another address. */
function claimed(event: PxeEvent, mac = storyMac): PxeEvent {
  return of(event, mac, stranger);
}

function of(event: PxeEvent, mac: string | null, address: string): PxeEvent {
  return "mac" in event ? { ...event, mac, address } : event;
}

const forged: readonly PxeEvent[] = [
  claimed(say.microOs()),
  claimed(say.beacon("failed", "0f0a6039")),
  claimed(say.beacon("booting")),
];

describe("field fault 47: a report that names another machine", () => {
  test.each(forged)("from an unknown address changes nothing of it: $event $stage", (event) => {
    boots();
    const before = machine();
    bus.emit(event);
    expect(machine()).toEqual(before);
    expect(sessions.machineAt(stranger)).toBeNull();
    expect(heard.at(-1)).toMatchObject({
      event: "unproved-report",
      mac: storyMac,
      address: stranger,
    });
    // It is shown, as what it is.
    expect(eventsOf().at(-1)).toMatchObject({ event: "unproved-report", address: stranger });
    expect(sessions.list()).toHaveLength(1);
  });

  test.each(forged)("from an address of a third machine is that one's: $event $stage", (event) => {
    boots();
    const before = machine();
    bus.emit(claimed(say.address(), strangerMac));
    bus.emit(event);
    expect(machine()).toEqual(before);
    expect(heard.at(-1)).toMatchObject({ event: event.event, mac: strangerMac });
  });

  test("is not believed after its sender fetched the machine's script, by whatever address that has", () => {
    for (const withAddress of [true, false]) {
      boots(withAddress);
      bus.emit(claimed(say.script()));
      bus.emit(claimed(say.microOs()));
      expect(machine()?.stage).not.toBe("micro-os");
      expect(heard.some(({ event }) => event === "micro-os")).toBe(false);
    }
  });

  test("counts for the machine by which the neighbour table knows the address, and for no other", () => {
    boots();
    neighbours.set(stranger, strangerMac);
    bus.emit(claimed(say.microOs()));
    expect(machine()?.stage).toBe("initramfs-done");
    expect(heard.at(-1)).toMatchObject({ event: "micro-os", mac: strangerMac });
    expect(sessions.latest({ mac: strangerMac, address: null })?.stage).toBe("micro-os");
  });
});

describe("field fault 47: a URL that names another machine", () => {
  test.each([
    say.script(),
    say.autoexec(),
    say.loaderStart(),
    say.httpRefused(404),
    say.tftpRefused(1),
  ])("changes nothing of it: $event", (event) => {
    boots();
    const before = machine();
    bus.emit(claimed(event));
    expect(machine()).toEqual(before);
    expect(sessions.machineAt(storyAddress)).toBe(storyMac);
  });
});

describe("a report counts", () => {
  test("where DHCP told the address", () => {
    boots();
    bus.emit(say.microOs());
    expect(machine()?.stage).toBe("micro-os");
  });

  test("without naming a machine, by the address, as the request for a file by TFTP does", () => {
    boots();
    bus.emit(of(say.beacon("failed", "0f0a6039"), null, storyAddress));
    expect(machine()?.seen.failed).toMatchObject({ stage: "failed", errno: "0f0a6039" });
    expect(machine()).toMatchObject({ vendor: "Example", model: "Model 1" });
  });

  test("where the link's neighbour table knows the address by the machine", () => {
    boots(false);
    neighbours.set(storyAddress, storyMac);
    bus.emit(say.microOs());
    expect(machine()?.stage).toBe("micro-os");
  });

  test("not where nobody knows the address; another machine that has no boot gets none", () => {
    boots(false);
    bus.emit(say.microOs());
    expect(machine()?.stage).toBe("initramfs-done");
    bus.emit(claimed(say.microOs(), otherMac));
    expect(sessions.latest({ mac: otherMac, address: null })).toBeNull();
    expect(heard.at(-1)).toMatchObject({ event: "unproved-report", mac: otherMac });
  });

  test("for the machine that has the address now", () => {
    boots();
    bus.emit(of(say.address(), otherMac, storyAddress));
    bus.emit(say.microOs());
    expect(machine()?.stage).toBe("initramfs-done");
    expect(sessions.latest({ mac: otherMac, address: null })?.stage).toBe("micro-os");
  });
});
