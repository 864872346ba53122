import { parseTraceparent } from "../boot/trace-context.ts";
import { refusals } from "../boot/refusals.ts";
import { type Clock, type Moment, momentOf } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { Emit, EventName, Machine, PxeEvent } from "../events/types.ts";
import type { Certainty } from "./certainty.ts";
import type { Sighting, StepDetail } from "./boot.ts";
import type { BootSessions } from "./boots.ts";
import { SenderProof } from "./sender-proof.ts";
import { isStage, type Stage } from "./stages.ts";

export interface RecorderParts {
  readonly sessions: BootSessions;
  readonly clock: Clock;
  /** The hardware address that the operating system knows an address on a link by; null: it knows none. */
  readonly neighbourAt: (address: Ip4) => Mac | null;
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
  readonly #proof: SenderProof;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#proof = new SenderProof(parts);
  }

  /**
   * An event of a download or a report gets the machine that its address belongs to, whatever hardware address it
   * names: that is in a URL, where anybody can write it.
   */
  readonly complete = (event: PxeEvent): PxeEvent => {
    if (!("mac" in event)) return event;
    const { sessions } = this.#parts;
    if (!isFromAddress(event)) {
      if (event.mac !== null) return event;
      const mac = sessions.machineAt(event.address);
      return mac === null ? event : { ...event, mac };
    }
    if (event.address !== null) this.#proof.settle(event.address);
    const owner = sessions.ownerOf(event.address);
    if (owner !== null) return { ...event, mac: owner };
    if (event.event === "syslog" || event.event === "syslog-dropped") {
      return { ...event, mac: this.#writerAt(event.address) };
    }
    if (event.event === "beacon" || event.event === "micro-os") return this.#completeReport(event);
    return { ...event, mac: sessions.claimant(event) };
  };

  /** The machine at an address that DHCP does not tell of: the neighbour there, or else the one that boots from there. */
  #writerAt(address: Ip4 | null): Mac | null {
    const { sessions, neighbourAt } = this.#parts;
    const neighbour = address === null ? null : neighbourAt(address);
    if (neighbour === null || address === null) return sessions.machineAt(address);
    sessions.learnAddress(neighbour, address);
    return neighbour;
  }

  /** A report from an address whose machine DHCP does not tell. */
  #completeReport(event: PxeEvent & { event: "beacon" | "micro-os" }): PxeEvent {
    const { sessions, neighbourAt } = this.#parts;
    const { address } = event;
    const neighbour = address === null ? null : neighbourAt(address);
    if (address !== null && neighbour !== null) {
      sessions.learnAddress(neighbour, address);
      return { ...event, mac: neighbour };
    }
    const named = event.mac ?? sessions.machineAt(address);
    const [stage, message, errno] =
      event.event === "micro-os"
        ? [event.event, null, null]
        : [event.stage, event.message, event.errno];
    return { event: "unproved-report", mac: named, address, stage, message, errno };
  }

  readonly hear = (event: PxeEvent): void => {
    const { sessions, clock, emit } = this.#parts;
    const at = momentOf(clock);
    if (isStage(event.event) && "mac" in event) this.#record(event.event, event, at);
    switch (event.event) {
      case "address-learned":
        if (event.mac !== null && event.address !== null) {
          this.#proof.asksFor(event.mac, event.address);
        }
        break;
      case "lease-granted":
        if (event.mac !== null && event.address !== null) {
          sessions.learnAddress(event.mac, event.address);
        }
        break;
      case "dhcp-refused": {
        const who = refusals.find(({ code }) => code === event.why)?.who ?? "site";
        const refusal = { code: event.why, cause: event.reason, remedy: event.remedy, who };
        sessions.refuse(sightingOf(event), refusal, detailOf(event), at);
        break;
      }
      case "beacon": {
        const { manufacturer: vendor, product: model } = event;
        sessions.describe(event, { vendor, model });
        break;
      }
      case "asset-sent":
        if (!this.#isClaim(event)) sessions.progress(event, at.nowMs);
        break;
      case "local-boot":
        sessions.sendOn(this.#believed(event), detailOf(event), at);
        break;
      case "system-dhcp":
        if (sessions.awaitsMicroOs(event, at.nowMs)) {
          const { mac, address } = event;
          emit({ event: "micro-os", mac, address, evidence: "dhcp" });
        }
        break;
      default:
        break;
    }
    sessions.observe(event, at, "mac" in event && this.#isClaim(event));
  };

  /** By what it says of itself a machine is denied from then on: that counts where it is known who says it. */
  #believed(event: PxeEvent & { event: "local-boot" }): Sighting {
    const { sessions, neighbourAt } = this.#parts;
    const { mac, address } = event;
    const sender = address === null ? null : (sessions.ownerOf(address) ?? neighbourAt(address));
    const seen = sightingOf(event);
    return mac !== null && mac === sender ? seen : { ...seen, uuid: null, serial: null };
  }

  /** Whether only the request itself says which machine it is of. */
  #isClaim(event: PxeEvent & Machine): boolean {
    const { mac, address } = event;
    if (mac === null || address === null || !isFromAddress(event)) return false;
    return !this.#proof.isSender(mac, address);
  }

  #record(stage: Stage, event: PxeEvent & Machine, at: Moment): void {
    const { sessions, stageReached } = this.#parts;
    const seen = this.#isClaim(event) ? claimed(sightingOf(event)) : sightingOf(event);
    const boot = sessions.record(stage, seen, detailOf(event), at);
    const step = boot.steps.find((one) => one.stage === stage);
    if (step?.count === 1) stageReached(stage, (at.nowMs - boot.startedAtMs) / 1000);
  }
}

/** Events of a request by TFTP or HTTP: where it came from is known, and who sent it may be only what it says. */
const fromAddress: ReadonlySet<EventName> = new Set<EventName>([
  "loader-start",
  "loader-done",
  "script",
  "kernel",
  "kernel-done",
  "initramfs-start",
  "initramfs-done",
  "autoexec",
  "asset-sent",
  "beacon",
  "optional-file",
  "tftp-probe",
  "tftp-refused",
  "tftp-rescued",
  "tftp-failed",
  "http-refused",
  "download-aborted",
  "download-waiting",
  "download-admitted",
  "syslog",
  "syslog-dropped",
]);

function isFromAddress(event: PxeEvent): boolean {
  const isReport = event.event === "micro-os" && event.evidence === "beacon";
  const isSentOn = event.event === "local-boot" && event.address !== null;
  return isReport || isSentOn || fromAddress.has(event.event);
}

function sightingOf(event: PxeEvent & Machine): Sighting & { readonly certainty: Certainty } {
  return {
    mac: event.mac,
    address: event.address,
    uuid: "uuid" in event ? event.uuid : null,
    serial: "serial" in event ? event.serial : null,
    generation: "generation" in event ? event.generation : null,
    trace: "traceparent" in event ? parseTraceparent(event.traceparent ?? "") : null,
    certainty: certaintyOf(event),
  };
}

/** What anybody could have sent joins no trace, and decides nothing. */
function claimed(seen: Sighting): Sighting {
  return { ...seen, trace: null, certainty: "reported", isClaim: true };
}

/** The Micro-OS is heard by its own DHCP request, or it reports itself; all else the machine does with us. */
function certaintyOf(event: PxeEvent): Certainty {
  if (event.event !== "micro-os") return "proved";
  return event.evidence === "dhcp" ? "inferred" : "reported";
}

/** Fields that the boot has anyway. */
const isElsewhere: ReadonlySet<string> = new Set([
  "event",
  "mac",
  "address",
  "uuid",
  "serial",
  "traceparent",
  "sha256",
]);

/** What a timeline shows of a stage: the event's own fields, without those that the boot has anyway. */
function detailOf(event: PxeEvent): StepDetail {
  const detail: Record<string, string | number | boolean | null> = {};
  for (const [key, value] of Object.entries(event)) {
    if (isElsewhere.has(key)) continue;
    const type = typeof value;
    const isShown = value === null || type === "string" || type === "number" || type === "boolean";
    if (isShown) detail[key] = value;
  }
  return detail;
}
