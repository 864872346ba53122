import { type Certainty, moreCertain } from "./certainty.ts";
import type { Finding } from "../lib/finding.ts";
import type { Moment } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { TraceContext } from "../boot/trace-context.ts";
import { type GivenFile, nothingObserved, type Observations } from "./observations.ts";
import { rank, type Stage } from "./stages.ts";
import type { BootTrace } from "./traces.ts";
import { type Claim, identityBy } from "./claims.ts";

/** What is known of a machine when something of its boot is seen. Absent parts are filled in from earlier. */
export interface Sighting {
  readonly mac: Mac | null;
  readonly address: Ip4 | null;
  readonly uuid?: string | null;
  readonly serial?: string | null;
  readonly generation?: string | null;
  /** That what it asked for names; null or absent: none. */
  readonly trace?: TraceContext | null;
  /** Default: proved. */
  readonly certainty?: Certainty;
  /** Whether only the request itself says which machine it is of. Default: false. */
  readonly isClaim?: boolean;
}

/** A machine by what is known of it. */
export type MachineKey = Pick<Sighting, "mac" | "address">;

export type StepDetail = Readonly<Record<string, string | number | boolean | null>>;

/** One stage of a boot: when it was first seen, how often, and what was last seen of it. */
export interface Step {
  readonly stage: Stage;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly count: number;
  readonly certainty: Certainty;
  readonly detail: StepDetail;
}

/**
 * One boot of one machine as a timeline. Its times are monotonic (`Clock.now`), so that none of them
 * changes when the host's clock is set; only the start is also known in wall-clock time.
 */
export interface Boot {
  /** Unique: the machine and the start. */
  readonly id: string;
  /** Larger than that of every boot that began before, also over a restart. */
  readonly number: number;
  readonly mac: Mac | null;
  readonly address: Ip4 | null;
  /** The address is known by DHCP to be this machine's. */
  readonly isAddressProved: boolean;
  readonly uuid: string | null;
  readonly serial: string | null;
  /** Which of these two nobody but a request told that anybody could have sent: shown, and not decided by. */
  readonly claims: readonly Claim[];
  /** Who made the machine, and which one it is, as it says itself. */
  readonly vendor: string | null;
  readonly model: string | null;
  /** The generation of the Micro-OS that it was last given something of. */
  readonly generation: string | null;
  /** Milliseconds since the Unix epoch, by the clock at that moment. */
  readonly startedWallMs: number;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** The furthest stage that was reached. */
  readonly stage: Stage;
  /** Why it was not served when it last asked; null when it was. */
  readonly refusal: Finding | null;
  /** It was sent on to its own disk, as it is to be. */
  readonly isLocal: boolean;
  /** The download that runs, or the last one: how many bytes had left, and when. */
  readonly download: { readonly bytes: number; readonly atMs: number } | null;
  readonly steps: readonly Step[];
  /** What was seen beside the stages. */
  readonly seen: Observations;
  /** Everything that it was sent whole, oldest first. */
  readonly given: readonly GivenFile[];
  /** 1, and one more than the boot before where that did not reach the Micro-OS. */
  readonly attempt: number;
  /** When the first of these attempts began. */
  readonly failingSinceMs: number;
  /** By which it is known to whoever collects traces; null or absent: it is not traced. */
  readonly trace?: BootTrace | null;
}

// A machine that was silent for longer starts a new boot with whatever it does next.
export const silenceMs = 10 * 60_000;
// EDK2 discovers at 0, 4, 12 and 28 s; a discover after a longer pause is a new power-on.
export const discoverRetryMs = 60_000;
/** How often the progress of a download is kept for after a restart. */
export const keepProgressMs = 10_000;

// The end of something belongs to the boot in which that began, however long it took.
const endOf: ReadonlyMap<Stage, Stage> = new Map([
  ["loader-done", "loader-start"],
  ["initramfs-done", "initramfs-start"],
  ["micro-os", "initramfs-start"],
]);

/** Whether it came to this stage, or further. */
export function reached(boot: Boot, stage: Stage): boolean {
  return rank(boot.stage) >= rank(stage);
}

/**
 * Whether the machine took the offer of another server that shares the database, and did nothing here since: its boot goes on
 * there, and is that server's to tell of.
 */
export function goesOnElsewhere({ seen, steps }: Pick<Boot, "seen" | "steps">): boolean {
  const { taken } = seen;
  return taken?.shared === true && steps.every(({ lastAtMs }) => lastAtMs <= taken.atMs);
}

/** Whether an operating system heard from the boot's machine must be the Micro-OS that it was just handed. */
export function awaitsMicroOs(boot: Boot, nowMs: number): boolean {
  const handed = boot.steps.find(({ stage }) => stage === boot.stage);
  // Whoever fetches the files in a machine's name has not handed them to it.
  if (handed?.certainty !== "proved") return false;
  // A kernel of the site's own may need nothing else.
  const isKernelAlone =
    boot.stage === "kernel" &&
    boot.seen.kernelDoneAtMs !== null &&
    handed.detail["generation"] === null;
  if (boot.stage !== "initramfs-done" && !isKernelAlone) return false;
  return nowMs - boot.updatedAtMs <= silenceMs;
}

/** Whether a machine that comes to this stage is in another boot than its latest one. */
export function startsNewBoot(current: Boot, stage: Stage, nowMs: number): boolean {
  const begun = endOf.get(stage);
  if (begun !== undefined && reached(current, begun)) return false;
  const silentMs = nowMs - current.updatedAtMs;
  if (silentMs > silenceMs) return true;
  switch (stage) {
    case "discover":
      return reached(current, "loader-start") || silentMs > discoverRetryMs;
    case "loader-start":
      return reached(current, "script");
    case "ipxe-discover":
      return reached(current, "script");
    case "script":
      return reached(current, "initramfs-done");
    case "offer":
    case "loader-done":
    case "ipxe-offer":
    case "kernel":
    case "initramfs-start":
    case "initramfs-done":
    case "micro-os":
      return false;
  }
}

/** Whether this boot lies behind a machine that is refused, or sent on to its disk, when it asks. */
export function isBehind({ stage, updatedAtMs }: Boot, nowMs: number): boolean {
  return stage === "micro-os" || nowMs - updatedAtMs > discoverRetryMs;
}

/** A boot without steps. `former` is the machine's boot before, if any. */
export function newBoot(
  begun: { readonly key: string; readonly number: number; readonly trace: BootTrace | null },
  stage: Stage,
  { nowMs, wallMs }: Moment,
  former: Boot | null,
): Boot {
  const { key, number, trace } = begun;
  const again =
    former !== null &&
    former.stage !== "micro-os" &&
    !goesOnElsewhere(former) &&
    nowMs - former.updatedAtMs <= silenceMs;
  return {
    id: `${key.replace("address ", "")}@${new Date(wallMs).toISOString()}`,
    number,
    mac: null,
    address: null,
    isAddressProved: false,
    uuid: null,
    // It is told by iPXE only, and decides already what the firmware is answered.
    serial: former?.mac == null ? null : former.serial,
    claims: former?.mac == null ? [] : former.claims.filter((claim) => claim === "serial"),
    vendor: former?.vendor ?? null,
    model: former?.model ?? null,
    generation: null,
    startedWallMs: wallMs,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
    stage,
    refusal: null,
    isLocal: false,
    download: null,
    steps: [],
    seen: nothingObserved,
    given: [],
    attempt: again ? former.attempt + 1 : 1,
    failingSinceMs: again ? former.failingSinceMs : nowMs,
    ...(trace === null ? {} : { trace }),
  };
}

/** The boot with one more sign of a stage. `owner`: whose it is by that; default: as before. */
export function withStep(
  boot: Boot,
  stage: Stage,
  seen: Sighting,
  detail: StepDetail,
  nowMs: number,
  owner: Pick<Boot, "mac" | "isAddressProved"> = boot,
): Boot {
  const before = boot.steps.find((step) => step.stage === stage);
  const step: Step = {
    stage,
    firstAtMs: before?.firstAtMs ?? nowMs,
    lastAtMs: nowMs,
    count: (before?.count ?? 0) + 1,
    certainty: moreCertain(before?.certainty, seen.certainty ?? "proved"),
    detail,
  };
  return {
    ...boot,
    mac: owner.mac,
    address: seen.address ?? boot.address,
    isAddressProved: owner.isAddressProved,
    ...identityBy(boot, seen),
    generation: seen.generation ?? boot.generation,
    ...joined(boot.trace ?? null, seen.trace ?? null),
    updatedAtMs: nowMs,
    isLocal: boot.isLocal && (stage === "discover" || stage === "ipxe-discover"),
    refusal: stage === "discover" || stage === "ipxe-discover" ? boot.refusal : null,
    stage: rank(stage) > rank(boot.stage) ? stage : boot.stage,
    steps:
      before === undefined
        ? [...boot.steps, step].toSorted(inOrder)
        : boot.steps.map((other) => (other === before ? step : other)),
  };
}

function inOrder(a: Step, b: Step): number {
  return a.firstAtMs - b.firstAtMs || rank(a.stage) - rank(b.stage);
}

/** A machine that was told of a trace by somebody else goes on with that one; one that is not traced is left alone. */
function joined(own: BootTrace | null, told: TraceContext | null): Pick<Boot, "trace"> {
  if (own === null || told === null || told.traceId === own.traceId)
    return own === null ? {} : { trace: own };
  return { trace: { ...own, ...told } };
}
