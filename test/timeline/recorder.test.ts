import { beforeEach, describe, expect, it } from "vitest";
import type { RefusalCode } from "../../src/boot/refusals.ts";
import { EventBus } from "../../src/events/bus.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { diagnose, statusOf } from "../../src/timeline/rules.ts";

const mac = "52:54:00:12:34:56";
const at = { mac, address: null, interface: "eth1" } as const;
const asks = {
  ...at,
  event: "discover",
  architecture: "x64 UEFI",
  firmware: "PXEClient:Arch:00007",
  uuid: "6a2e8f10-3c7b-4d59-9d1e-0123456789ab",
  broadcast: true,
  userClass: null,
  secs: 0,
} as const satisfies PxeEvent;
const offer = { ...at, event: "offer", boots: "ipxe.efi", way: "direct" } as const;

const refused = (why: RefusalCode, machine: string = mac): PxeEvent => ({
  ...at,
  mac: machine,
  event: "dhcp-refused",
  why,
  reason: `because of ${why}`,
  remedy: "change that",
});

let nowMs: number;
let sessions: BootSessions;
let bus: EventBus;

beforeEach(() => {
  nowMs = 1_000_000;
  const clock = { now: () => nowMs, wall: () => nowMs };
  sessions = new BootSessions();
  bus = new EventBus(clock);
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: () => null,
      emit: bus.emit,
      stageReached: () => {},
    }),
  ]);
});

/** Status and diagnosis of the machine's latest boot. */
function seen() {
  const boot = sessions.latest({ mac, address: null });
  if (boot === null) throw new Error("the machine has no boot");
  const found = diagnose(sessions.evidence(boot, nowMs), nowMs);
  return { status: statusOf(boot, nowMs), code: found?.code ?? null, boot };
}

describe("a machine that asks to boot and is not served", () => {
  it("has a boot at once, with the reason as its diagnosis", () => {
    bus.emit(asks);
    bus.emit(refused("no-loader-fits"));
    const { status, code, boot } = seen();
    expect({ status, code }).toEqual({ status: "stalled", code: "no-loader-fits" });
    expect(boot).toMatchObject({ stage: "discover", uuid: asks.uuid });
    expect(diagnose(sessions.evidence(boot, nowMs), nowMs)).toEqual({
      code: "no-loader-fits",
      cause: "because of no-loader-fits",
      remedy: "change that",
      who: "site",
      onScreen: ["PXE-E16"],
      certainty: "proved",
      evidence: ["0.0 s: discover"],
    });
  });

  it("is denied where somebody decided so", () => {
    for (const why of ["machine-denied", "machine-ignored"] as const) {
      bus.emit(asks);
      bus.emit(refused(why));
      expect(seen()).toMatchObject({ status: "denied", code: why });
      nowMs += 3_600_000;
      expect(seen()).toMatchObject({ status: "denied", code: why });
    }
  });

  it("has a boot although nothing else was heard of it", () => {
    bus.emit(refused("damaged-request"));
    const { boot, code } = seen();
    expect(code).toBe("damaged-request");
    expect(boot.steps).toMatchObject([{ stage: "discover", detail: { why: "damaged-request" } }]);
  });

  it("boots as any other when it is served the next time", () => {
    bus.emit(asks);
    bus.emit(refused("no-address-left"));
    nowMs += 4000;
    bus.emit(asks);
    expect(seen().code).toBe("no-address-left");
    bus.emit(offer);
    const { status, code, boot } = seen();
    expect({ status, code, steps: boot.steps.length }).toEqual({
      status: "booting",
      code: null,
      steps: 2,
    });
    expect(sessions.list()).toHaveLength(1);
  });

  it("is refused in the boot that it is in, when only its iPXE is", () => {
    for (const event of [asks, offer]) bus.emit(event);
    bus.emit({ ...asks, event: "ipxe-discover" });
    bus.emit(refused("no-address-left"));
    expect(sessions.list()).toHaveLength(1);
    expect(seen()).toMatchObject({ status: "stalled", boot: { stage: "ipxe-discover" } });
  });

  it("begins another boot by asking after the former one is over", () => {
    for (const event of [asks, offer]) bus.emit(event);
    nowMs += 120_000;
    bus.emit(refused("machine-denied"));
    expect(sessions.list().map(({ stage }) => stage)).toEqual(["discover", "offer"]);
  });

  it("pushes out no boot of a machine that came further, however many such requests there are", () => {
    sessions = new BootSessions({ keepBoots: 100 });
    const recorder = new TimelineRecorder({
      sessions,
      clock: { now: () => nowMs, wall: () => nowMs },
      neighbourAt: () => null,
      emit: () => {},
      stageReached: () => {},
    });
    const booted = "02:00:00:01:00:01";
    sessions.record("script", { mac: booted, address: null }, {}, { nowMs, wallMs: nowMs });
    for (let n = 0; n < 6000; n++) {
      const tail = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0"));
      recorder.hear(refused("damaged-request", `02:00:00:00:${tail.join(":")}`));
    }
    expect(sessions.list()).toHaveLength(100);
    expect(sessions.latest({ mac: booted, address: null })?.stage).toBe("script");
  });
});

it("a request that could not be answered explains a boot that goes no further", () => {
  bus.emit(asks);
  bus.emit({ ...at, event: "dhcp-failed", reason: "no space left on device" });
  expect(seen().status).toBe("booting");
  nowMs += 61_000;
  const { boot, code } = seen();
  expect(code).toBe("answer-failed");
  expect(diagnose(sessions.evidence(boot, nowMs), nowMs)?.cause).toContain(
    "no space left on device",
  );
});
