import { beforeEach, describe, expect, it } from "vitest";
import { statusOf } from "../../src/timeline/rules.ts";
import type { Sighting } from "../../src/timeline/boot.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { type Stage, stages } from "../../src/timeline/stages.ts";
import type { Moment } from "../../src/lib/clock.ts";

const mac = "08:00:27:29:4e:67";
const address = "192.168.77.100";
const start = Date.UTC(2026, 0, 1);

/** A moment on a clock whose two scales agree. */
function at(ms: number): Moment {
  return { nowMs: ms, wallMs: ms };
}

function play(sessions: BootSessions, steps: readonly Stage[], seen: Sighting, fromMs = start) {
  let boot = sessions.latest(seen);
  for (const [index, stage] of steps.entries()) {
    boot = sessions.record(stage, seen, {}, at(fromMs + index * 1000));
  }
  return boot;
}

describe("BootSessions", () => {
  it("keeps one boot through all stages, in order", () => {
    const sessions = new BootSessions();
    const boot = play(sessions, stages, { mac, address });
    expect(boot?.steps.map((step) => step.stage)).toEqual(stages);
    expect(boot?.stage).toBe("micro-os");
    expect(sessions.list()).toHaveLength(1);
  });

  it("has a boot of its own for a machine that is sent on to its disk right after it came up", () => {
    const sessions = new BootSessions();
    const up = play(sessions, stages, { mac, address });
    sessions.sendOn({ mac, address: null }, {}, at(start + 40_000));
    const found = sessions.list().map((boot) => statusOf(boot, start + 40_000));
    expect(found).toEqual(["local", "up"]);
    expect(sessions.byId(up?.id ?? "")?.updatedAtMs).toBe(up?.updatedAtMs);
  });

  it("counts repeated requests of the firmware as one stage", () => {
    const sessions = new BootSessions();
    for (const seconds of [0, 4, 12, 28]) {
      sessions.record("discover", { mac, address: null }, {}, at(start + seconds * 1000));
    }
    const [boot, ...others] = sessions.list();
    expect(others).toEqual([]);
    expect(boot?.steps).toMatchObject([
      { stage: "discover", count: 4, firstAtMs: start, lastAtMs: start + 28_000 },
    ]);
  });

  it("begins a new boot when the firmware asks again after progress", () => {
    const sessions = new BootSessions();
    play(sessions, ["discover", "offer", "loader-start"], { mac, address });
    sessions.record("discover", { mac, address: null }, {}, at(start + 10_000));
    expect(sessions.list().map((boot) => boot.stage)).toEqual(["discover", "loader-start"]);
  });

  it("knows a machine's serial number in its next boot before iPXE tells it again, and no other machine by it", () => {
    const sessions = new BootSessions();
    play(sessions, ["discover", "script", "initramfs-done"], { mac, address, serial: "SN1" });
    const later = at(start + 3_600_000);
    expect(sessions.record("discover", { mac, address: null }, {}, later)).toMatchObject({
      attempt: 1,
      serial: "SN1",
    });
    const nameless = { mac: null, address: "192.168.77.101" };
    sessions.record("script", { ...nameless, serial: "SN2" }, {}, at(start));
    expect(sessions.record("discover", nameless, {}, later).serial).toBeNull();
  });

  it("begins a new boot when iPXE asks again after its script", () => {
    const sessions = new BootSessions();
    play(sessions, ["ipxe-discover", "ipxe-offer", "script", "kernel"], { mac, address });
    sessions.record("ipxe-discover", { mac, address: null }, {}, at(start + 10_000));
    expect(sessions.list()).toHaveLength(2);
  });

  it("goes on with the boot when the loader asks after the firmware", () => {
    const sessions = new BootSessions();
    play(sessions, ["discover", "offer", "loader-start", "loader-done", "ipxe-discover"], {
      mac,
      address,
    });
    expect(sessions.list()).toHaveLength(1);
  });

  it("begins a new boot after ten minutes of silence", () => {
    const sessions = new BootSessions();
    sessions.record("script", { mac, address }, {}, at(start));
    sessions.record("kernel", { mac, address }, {}, at(start + 11 * 60_000));
    expect(sessions.list()).toHaveLength(2);
  });

  it("finds the machine of a request that shows only an address", () => {
    const sessions = new BootSessions();
    sessions.record("discover", { mac, address: null }, {}, at(start));
    sessions.learnAddress(mac, address);
    const boot = sessions.record("loader-start", { mac: null, address }, {}, at(start + 1000));
    expect(boot.mac).toBe(mac);
    expect(sessions.list()).toHaveLength(1);
  });

  it("gives what was seen of a bare address to the machine once it is known", () => {
    const sessions = new BootSessions();
    sessions.record("script", { mac: null, address }, {}, at(start));
    sessions.learnAddress(mac, address);
    expect(sessions.latest({ mac, address: null })?.stage).toBe("script");
    expect(sessions.list().map((boot) => boot.mac)).toEqual([mac]);
  });

  it("follows an address to the machine that has it now", () => {
    const sessions = new BootSessions();
    sessions.learnAddress(mac, address);
    sessions.learnAddress("02:00:00:00:00:01", address);
    expect(sessions.machineAt(address)).toBe("02:00:00:00:00:01");
  });

  it("stays bounded whatever the network sends", () => {
    const sessions = new BootSessions({ keepBoots: 10, bootsPerMachine: 2, addresses: 10 });
    for (let i = 0; i < 1000; i++) {
      const one = `02:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`;
      sessions.record(
        "discover",
        { mac: one, address: `10.0.${i >> 8}.${i & 255}` },
        {},
        at(start + i),
      );
    }
    for (let i = 0; i < 5; i++) {
      sessions.record("discover", { mac, address }, {}, at(start + 10_000 + i * 61_000));
    }
    expect(sessions.list().length).toBeLessThanOrEqual(11);
    expect(sessions.list().filter((boot) => boot.mac === mac)).toHaveLength(2);
    expect(sessions.machineAt("10.0.0.0")).toBeNull();
  });

  it("awaits the Micro-OS only between the last download and its sign of life", () => {
    const sessions = new BootSessions();
    play(sessions, ["script", "kernel", "initramfs-start"], { mac, address });
    expect(sessions.awaitsMicroOs({ mac, address }, start + 4000)).toBe(false);
    sessions.record("initramfs-done", { mac, address }, {}, at(start + 5000));
    expect(sessions.awaitsMicroOs({ mac, address: null }, start + 6000)).toBe(true);
    expect(sessions.awaitsMicroOs({ mac, address }, start + 11 * 60_000)).toBe(false);
    sessions.record("micro-os", { mac, address }, {}, at(start + 7000));
    expect(sessions.awaitsMicroOs({ mac, address }, start + 8000)).toBe(false);
  });

  it("takes the end of a long download for its own, and a late sign of life for the boot's", () => {
    const sessions = new BootSessions();
    play(sessions, ["script", "kernel", "initramfs-start"], { mac, address });
    sessions.record("initramfs-done", { mac, address }, {}, at(start + 20 * 60_000));
    sessions.record("micro-os", { mac, address }, {}, at(start + 40 * 60_000));
    sessions.record("micro-os", { mac, address }, {}, at(start + 90 * 60_000));
    expect(sessions.list().map(({ stage, steps }) => [stage, steps.length])).toEqual([
      ["micro-os", 5],
    ]);
  });

  it("does not stand still while a download moves on", () => {
    const sessions = new BootSessions();
    play(sessions, ["script", "kernel", "initramfs-start"], { mac, address });
    for (let minute = 1; minute <= 30; minute++) {
      sessions.progress({ mac: null, address }, start + minute * 60_000);
    }
    const [boot, ...others] = sessions.list();
    expect(others).toEqual([]);
    expect(boot && statusOf(boot, start + 30 * 60_000 + 1000)).toBe("booting");
    expect(boot && statusOf(boot, start + 32 * 60_000)).toBe("stalled");
  });

  it("keeps its durations when the wall clock is set during a boot", () => {
    const sessions = new BootSessions();
    const yearMs = 365 * 24 * 3600_000;
    sessions.record("script", { mac, address }, {}, { nowMs: 1000, wallMs: start });
    sessions.record("kernel", { mac, address }, {}, { nowMs: 2000, wallMs: start + yearMs });
    sessions.record(
      "initramfs-start",
      { mac, address },
      {},
      { nowMs: 3000, wallMs: start - yearMs },
    );
    const [boot, ...others] = sessions.list();
    expect(others).toEqual([]);
    expect(boot).toMatchObject({ startedWallMs: start, startedAtMs: 1000, updatedAtMs: 3000 });
    expect(boot?.steps.map(({ firstAtMs }) => firstAtMs)).toEqual([1000, 2000, 3000]);
  });
});

describe("the generation of a boot", () => {
  const generation = "000001";
  const attacker = "192.168.77.66";
  let sessions: BootSessions;
  beforeEach(() => {
    sessions = new BootSessions();
    sessions.record("script", { mac, address, generation }, {}, at(start));
  });

  it("stays while anything is heard from its address, and a while after that", () => {
    expect(sessions.generationFor(address, start + 9 * 60_000)).toBe(generation);
    sessions.progress({ mac, address }, start + 9 * 60_000);
    expect(sessions.generationFor(address, start + 18 * 60_000)).toBe(generation);
    expect([...sessions.generationsInUse(start + 18 * 60_000)]).toEqual([generation]);
    expect(sessions.generationFor(address, start + 20 * 60_000)).toBeNull();
    expect([...sessions.generationsInUse(start + 20 * 60_000)]).toEqual([]);
  });

  it("is not lost by a DHCP request in between", () => {
    for (const stage of ["discover", "ipxe-discover"] as const) {
      sessions.record(stage, { mac, address: null }, {}, at(start + 1000));
    }
    expect(sessions.generationFor(address, start + 2000)).toBe(generation);
  });

  it("is not changed by another machine that gives the same MAC", () => {
    const claimed = { mac, address: attacker, generation: "000002" };
    sessions.record("script", claimed, {}, at(start + 1000));
    expect(sessions.generationFor(address, start + 2000)).toBe(generation);
    expect(sessions.generationFor(attacker, start + 2000)).toBe("000002");
  });

  it("is that of its next script", () => {
    sessions.record("script", { mac, address, generation: "000002" }, {}, at(start + 1000));
    expect(sessions.generationFor(address, start + 1000)).toBe("000002");
  });

  it("is that of the first file where the script was not ours", () => {
    sessions.record("kernel", { mac: null, address: attacker, generation }, {}, at(start));
    expect(sessions.generationFor(attacker, start + 1000)).toBe(generation);
  });

  it("cannot be kept for ever by asking again and again", () => {
    for (let minute = 0; minute < 7 * 60; minute += 5) {
      sessions.progress({ mac, address }, start + minute * 60_000);
    }
    expect([...sessions.generationsInUse(start + 7 * 3600_000)]).toEqual([]);
  });

  it("takes no more memory than there may be machines", () => {
    const few = new BootSessions({ keepBoots: 10, addresses: 10 });
    for (let host = 0; host < 100; host++) {
      const seen = { mac: null, address: `10.0.0.${host}`, generation: `g${host}` };
      few.record("script", seen, {}, at(start));
    }
    expect(few.generationsInUse(start).size).toBe(10);
  });
});
