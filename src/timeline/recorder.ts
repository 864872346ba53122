import { refusals } from "../boot/refusals.ts";
import { type Clock, momentOf } from "../lib/clock.ts";
import type { Emit, Machine, PxeEvent } from "../events/types.ts";
import type { Certainty } from "./certainty.ts";
import type { StepDetail } from "./boot.ts";
import type { BootSessions } from "./boots.ts";
import { isStage, type Stage } from "./stages.ts";

export interface RecorderParts {
  readonly sessions: BootSessions;
  readonly clock: Clock;
  /** Where the events go that follow from others. */
  readonly emit: Emit;
  /** Called when a machine reached a stage for the first time in a boot, so long after the boot began. */
  readonly stageReached: (stage: Stage, seconds: number) => void;
}

/**
 * Makes of events the timelines of boots. It knows which machine an address belongs to, and completes the
 * events of others with it; and it knows what an event means after what came before.
 */
export class TimelineRecorder {
  readonly name = "timeline";
  readonly hears = "every";
  readonly #parts: RecorderParts;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** An event that knows only an address gets the machine that the address belongs to. */
  readonly complete = (event: PxeEvent): PxeEvent => {
    if (!("mac" in event) || event.mac !== null) return event;
    const mac = this.#parts.sessions.machineAt(event.address);
    return mac === null ? event : { ...event, mac };
  };

  readonly hear = (event: PxeEvent): void => {
    const { sessions, clock, emit } = this.#parts;
    if (isStage(event.event) && "mac" in event) this.#record(event.event, event);
    switch (event.event) {
      case "address-learned":
      case "lease-granted":
        if (event.mac !== null && event.address !== null) {
          sessions.learnAddress(event.mac, event.address);
        }
        break;
      case "dhcp-refused": {
        const who = refusals.find(({ code }) => code === event.why)?.who ?? "site";
        const refusal = { code: event.why, cause: event.reason, remedy: event.remedy, who };
        sessions.refuse(sightingOf(event), refusal, detailOf(event), momentOf(clock));
        break;
      }
      case "local-boot":
        sessions.sendOn(sightingOf(event), detailOf(event), momentOf(clock));
        break;
      case "system-dhcp":
        if (sessions.awaitsMicroOs(event, clock.now())) {
          const { mac, address } = event;
          emit({ event: "micro-os", mac, address, evidence: "dhcp" });
        }
        break;
      default:
        break;
    }
    sessions.observe(event, momentOf(clock));
  };

  #record(stage: Stage, event: PxeEvent & Machine): void {
    const { sessions, clock, stageReached } = this.#parts;
    const at = momentOf(clock);
    const boot = sessions.record(stage, sightingOf(event), detailOf(event), at);
    const step = boot.steps.find((one) => one.stage === stage);
    if (step?.count === 1) stageReached(stage, (at.nowMs - boot.startedAtMs) / 1000);
  }
}

function sightingOf(event: PxeEvent & Machine) {
  return {
    mac: event.mac,
    address: event.address,
    uuid: "uuid" in event ? event.uuid : null,
    serial: "serial" in event ? event.serial : null,
    generation: "generation" in event ? event.generation : null,
    certainty: certaintyOf(event),
  };
}

/** The Micro-OS is heard by its own DHCP request, or it reports itself; all else the machine does with us. */
function certaintyOf(event: PxeEvent): Certainty {
  if (event.event !== "micro-os") return "proved";
  return event.evidence === "dhcp" ? "inferred" : "reported";
}

/** What a timeline shows of a stage: the event's own fields, without those that the boot has anyway. */
function detailOf(event: PxeEvent): StepDetail {
  const detail: Record<string, string | number | boolean | null> = {};
  for (const [key, value] of Object.entries(event)) {
    if (["event", "mac", "address", "uuid", "serial"].includes(key)) continue;
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) {
      detail[key] = value;
    }
  }
  return detail;
}
