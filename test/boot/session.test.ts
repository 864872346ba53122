import { describe, expect, it } from "vitest";
import { diagnose, statusOf } from "../../src/boot/diagnosis.ts";
import { BootSessions, type Sighting } from "../../src/boot/session.ts";
import { type Stage, stages } from "../../src/boot/stages.ts";

const mac = "08:00:27:29:4e:67";
const address = "192.168.77.100";
const start = Date.UTC(2026, 0, 1);

function play(sessions: BootSessions, steps: readonly Stage[], seen: Sighting, fromMs = start) {
  let boot = sessions.latest(seen);
  for (const [index, stage] of steps.entries()) {
    boot = sessions.record(stage, seen, {}, fromMs + index * 1000);
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

  it("counts repeated requests of the firmware as one stage", () => {
    const sessions = new BootSessions();
    for (const seconds of [0, 4, 12, 28]) {
      sessions.record("discover", { mac, address: null }, {}, start + seconds * 1000);
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
    sessions.record("discover", { mac, address: null }, {}, start + 10_000);
    expect(sessions.list().map((boot) => boot.stage)).toEqual(["discover", "loader-start"]);
  });

  it("begins a new boot when iPXE asks again after its script", () => {
    const sessions = new BootSessions();
    play(sessions, ["ipxe-discover", "ipxe-offer", "script", "kernel"], { mac, address });
    sessions.record("ipxe-discover", { mac, address: null }, {}, start + 10_000);
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
    sessions.record("script", { mac, address }, {}, start);
    sessions.record("kernel", { mac, address }, {}, start + 11 * 60_000);
    expect(sessions.list()).toHaveLength(2);
  });

  it("finds the machine of a request that shows only an address", () => {
    const sessions = new BootSessions();
    sessions.record("discover", { mac, address: null }, {}, start);
    sessions.learnAddress(mac, address);
    const boot = sessions.record("loader-start", { mac: null, address }, {}, start + 1000);
    expect(boot.mac).toBe(mac);
    expect(sessions.list()).toHaveLength(1);
  });

  it("gives what was seen of a bare address to the machine once it is known", () => {
    const sessions = new BootSessions();
    sessions.record("script", { mac: null, address }, {}, start);
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
    const sessions = new BootSessions({ maxMachines: 10, maxBootsPerMachine: 2 });
    for (let i = 0; i < 1000; i++) {
      const one = `02:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`;
      sessions.record(
        "discover",
        { mac: one, address: `10.0.${i >> 8}.${i & 255}` },
        {},
        start + i,
      );
    }
    for (let i = 0; i < 5; i++) {
      sessions.record("discover", { mac, address }, {}, start + 10_000 + i * 61_000);
    }
    expect(sessions.list().length).toBeLessThanOrEqual(11);
    expect(sessions.list().filter((boot) => boot.mac === mac)).toHaveLength(2);
    expect(sessions.machineAt("10.0.0.0")).toBeNull();
  });

  it("awaits the Micro-OS only between the last download and its sign of life", () => {
    const sessions = new BootSessions();
    play(sessions, ["script", "kernel", "initramfs-start"], { mac, address });
    expect(sessions.awaitsMicroOs({ mac, address }, start + 4000)).toBe(false);
    sessions.record("initramfs-done", { mac, address }, {}, start + 5000);
    expect(sessions.awaitsMicroOs({ mac, address: null }, start + 6000)).toBe(true);
    expect(sessions.awaitsMicroOs({ mac, address }, start + 11 * 60_000)).toBe(false);
    sessions.record("micro-os", { mac, address }, {}, start + 7000);
    expect(sessions.awaitsMicroOs({ mac, address }, start + 8000)).toBe(false);
  });

  it("knows the generations that boots under way need", () => {
    const sessions = new BootSessions();
    sessions.record("script", { mac, address, generation: "0001" }, {}, start);
    expect([...sessions.generationsInUse(start + 1000)]).toEqual(["0001"]);
    sessions.record("micro-os", { mac, address }, {}, start + 2000);
    expect([...sessions.generationsInUse(start + 3000)]).toEqual([]);
  });
});

describe("diagnose", () => {
  it.each(stages.filter((stage) => stage !== "micro-os"))(
    "explains a boot that goes no further than %s, once it stands still",
    (stage) => {
      const boot = new BootSessions().record(stage, { mac, address }, {}, start);
      expect(statusOf(boot, start + 1000)).toBe("booting");
      expect(diagnose(boot, start + 1000)).toBeNull();
      expect(statusOf(boot, start + 200_000)).toBe("stalled");
      expect(diagnose(boot, start + 200_000)).toMatch(/\w+/);
    },
  );

  it("has nothing to explain once the Micro-OS is up", () => {
    const boot = new BootSessions().record("micro-os", { mac, address }, {}, start);
    expect(statusOf(boot, start + 1e9)).toBe("up");
    expect(diagnose(boot, start + 1e9)).toBeNull();
  });
});
