import { beforeEach, describe, expect, it } from "vitest";
import { WaitingTimeline } from "../../src/daemon/state/waiting-timeline.ts";
import { EventBus } from "../../src/events/bus.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import {
  type Beat,
  BootStory,
  otherMac,
  say,
  storyAddress,
  storyMac,
} from "../support/boot-story.ts";
import { loaded, scripted } from "../support/failing-boots.ts";

let sessions: BootSessions;
let bus: EventBus;
let neighbours: Map<string, string>;
let heard: PxeEvent[];
const clock = { now: () => 1_000_000, wall: () => 1_000_000 };

beforeEach(() => {
  [sessions, bus, neighbours, heard] = [new BootSessions(), new EventBus(clock), new Map(), []];
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: (address) => neighbours.get(address) ?? null,
      emit: bus.emit,
      stageReached: () => {},
    }),
    { name: "test", hears: "every", hear: (event) => void heard.push(event) },
  ]);
});

const textsOf = (mac = storyMac): readonly string[] => {
  const boot = sessions.latest({ mac, address: null });
  if (boot === null) return [];
  return sessions.eventsOf(boot).filter((text) => text.includes('"event":"syslog"'));
};

describe("lines of a machine's log", () => {
  it("join the timeline of the machine that has the address by its lease, or overheard", () => {
    for (const learnt of [say.lease(), say.address()]) {
      bus.emit(learnt);
      bus.emit(say.discover());
      bus.emit(say.logs("hello"));
      expect(heard.at(-1)).toMatchObject({ event: "syslog", mac: storyMac });
      expect(textsOf().at(-1)).toContain('"text":"hello"');
    }
  });

  it("join that of the neighbour at that address where DHCP does not tell", () => {
    neighbours.set(storyAddress, storyMac);
    bus.emit(say.discover());
    bus.emit(say.logs("hello"));
    expect(textsOf()).toHaveLength(1);
    expect(sessions.ownerOf(storyAddress)).toBe(storyMac);
  });

  it("join that of the machine that boots from there where nobody else tells", () => {
    bus.emit(say.script());
    bus.emit(say.logs("hello"));
    expect(textsOf()).toHaveLength(1);
  });

  it("join nobody's where nobody is known at the address", () => {
    bus.emit(say.discover());
    bus.emit(say.logs("hello"));
    expect(heard.at(-1)).toMatchObject({ event: "syslog", mac: null, address: storyAddress });
    expect(textsOf()).toEqual([]);
  });

  it("are told apart from what only says so", () => {
    bus.emit(say.discover());
    for (let n = 0; n < 50; n++) {
      bus.emit(say.competing({ server: `10.0.0.${n}`, network: '","event":"syslog' }));
    }
    const boot = sessions.latest({ mac: storyMac, address: null });
    expect(boot === null ? [] : sessions.eventsOf(boot)).toHaveLength(51);
  });

  it("are the first and the last twenty of a boot, and push nothing else out of it", () => {
    bus.emit(say.lease());
    bus.emit(say.discover());
    bus.emit(say.offer());
    for (let n = 0; n < 1000; n++) bus.emit(say.logs(`line ${n}.`));
    bus.emit(say.script());
    expect(textsOf()).toHaveLength(40);
    for (const n of [0, 19, 980, 999]) expect(textsOf().join("\n")).toContain(`line ${n}.`);
    const boot = sessions.latest({ mac: storyMac, address: null });
    const names =
      boot === null
        ? []
        : sessions.eventsOf(boot).map((text) => /"event":"([^"]+)"/.exec(text)?.[1]);
    expect(names.filter((name) => name !== "syslog")).toEqual(["discover", "offer", "script"]);
  });

  it("push nothing out of what waits for the disk", () => {
    const waiting = new WaitingTimeline({ isKept: () => true, keepBoots: 10 });
    sessions.follow(waiting);
    bus.emit(say.lease());
    bus.emit(say.discover());
    for (let n = 0; n < 70; n++) bus.emit(say.competing({ server: `10.0.0.${n}` }));
    for (let n = 0; n < 1000; n++) bus.emit(say.logs(`line ${n}`));
    const other = waiting.lines.filter((line) => !line.includes('"event":"syslog"'));
    expect(other).toHaveLength(71);
    expect(waiting.lines).toHaveLength(111);
  });

  it("are bounded over all machines, the oldest boots' go first", () => {
    for (let n = 0; n < 600; n++) {
      const mac = `02:00:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
      const address = `10.1.${n >> 8}.${n & 255}`;
      bus.emit({ event: "lease-granted", mac, address, interface: "eth1", leaseSeconds: 120 });
      bus.emit({
        ...say.script(),
        event: "script",
        mac,
        address,
        uuid: null,
        serial: null,
        generation: null,
      });
      for (let line = 0; line < 41; line++) bus.emit({ ...say.logs("x"), address });
    }
    const boots = sessions.list();
    const lines = boots.map(
      (boot) => sessions.eventsOf(boot).filter((text) => text.includes('"syslog"')).length,
    );
    expect(lines.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    expect(lines.slice(0, 500)).toEqual(Array.from({ length: 500 }, () => 40));
    // What else is known of those boots stays.
    for (const boot of boots.slice(500)) expect(sessions.eventsOf(boot)).toHaveLength(1);
  });
});

describe("an error of iPXE in its log", () => {
  const error = "Could not boot: Exec format error (https://ipxe.org/2e008081)";

  it.each([
    ["loader", loaded],
    ["script", scripted],
  ] as const)("is the cause where the boot stands still after its %s", (_, before) => {
    const beats: readonly Beat[] = [...before, [9, say.logs(error)]];
    const story = new BootStory().play(beats);
    expect(story.diagnosis(0)).toBeNull();
    const found = story.diagnosis(300);
    expect(found).toMatchObject({ certainty: "reported", onScreen: ["2e008081"] });
    expect(found?.cause).toContain("reported error 2e008081");
    expect(found?.evidence.at(-1)).toContain(`its log says: ${error}`);
  });

  it("is none once the machine goes on, and none where another program names such a page", () => {
    const story = new BootStory().play([...scripted, [9, say.logs(error)], [10, say.kernel()]]);
    expect(story.diagnosis(300)?.code).not.toMatch(/^reported-/);
    const other = new BootStory().play([...scripted, [9, { ...say.logs(error), app: "journal" }]]);
    expect(other.diagnosis(300)?.code).not.toMatch(/^reported-/);
  });

  it("counts less than what the script itself reports", () => {
    const beats: readonly Beat[] = [
      ...scripted,
      [9, say.beacon("failed", "0f0a6039")],
      [9, say.logs(error)],
    ];
    expect(new BootStory().play(beats).diagnosis(0)?.code).toBe("reported-http-closed");
  });

  it("of another machine is not this one's", () => {
    const story = new BootStory().play([
      ...scripted,
      [9, { ...say.logs(error), mac: otherMac, address: null }],
    ]);
    expect(story.diagnosis(300)?.code).not.toMatch(/^reported-/);
  });
});
