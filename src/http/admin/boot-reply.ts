import type { BootDetailReply, BootReply } from "../../api/boots.ts";
import type { Boot, Step, StepDetail } from "../../timeline/boot.ts";
import type { SeenRegistration } from "../../timeline/observations.ts";
import {
  architectureNameOf,
  diagnose,
  firmwareKindOf,
  interfaceOf,
  statusOf,
} from "../../timeline/rules.ts";
import type { Pace } from "../../timeline/site/stage-times.ts";
import type { Stage } from "../../timeline/stages.ts";
import type { AdminAppOptions } from "./context.ts";

/** The stage that a download's end is; the kernel's is none. */
const endOf: ReadonlyMap<Stage, Stage | null> = new Map([
  ["loader-start", "loader-done"],
  ["kernel", null],
  ["initramfs-start", "initramfs-done"],
]);

/** A boot as people and scripts see it: times in ISO 8601, durations in milliseconds. */
export function describeBoot(
  {
    sessions,
    nodes,
  }: Pick<AdminAppOptions, "sessions"> & { readonly nodes: Pick<AdminAppOptions["nodes"], "find"> },
  boot: Boot,
  nowMs: number,
): BootReply {
  const { mac, uuid, serial } = boot;
  const { waiting, registration } = boot.seen;
  const status = statusOf(boot, nowMs);
  const isUnderWay = waiting === null && (status === "booting" || status === "stalled");
  const pace = isUnderWay ? sessions.paceOf(boot, nowMs) : null;
  const wall = (atMs: number) =>
    new Date(boot.startedWallMs + atMs - boot.startedAtMs).toISOString();
  return {
    id: boot.id,
    mac,
    uuid,
    serial,
    name: nodes.find({ mac: mac ?? "", uuid, serial })?.name ?? null,
    vendor: boot.vendor,
    model: boot.model,
    address: boot.address,
    server: null,
    interface: interfaceOf(boot),
    firmware: firmwareKindOf(boot),
    architecture: architectureNameOf(boot),
    status,
    stage: boot.stage,
    startedAt: wall(boot.startedAtMs),
    updatedAt: wall(boot.updatedAtMs),
    durationMs: Math.round(boot.updatedAtMs - boot.startedAtMs),
    generation: boot.generation,
    diagnosis: diagnose(sessions.evidence(boot, nowMs), nowMs),
    waiting: waiting === null ? null : { ahead: waiting.ahead, since: wall(waiting.sinceMs) },
    expected: pace === null ? null : inWholeMs(pace),
    registration: registrationReply(registration, wall),
    steps: boot.steps.map((step) => ({
      stage: step.stage,
      at: wall(step.firstAtMs),
      lastAt: wall(step.lastAtMs),
      afterMs: Math.round(step.firstAtMs - boot.startedAtMs),
      count: step.count,
      certainty: step.certainty,
      detail: { ...step.detail, ...transferOf(boot, step) },
    })),
  };
}

/** Everything that the machine was sent in a boot. */
export function givenReply({
  given,
  startedWallMs,
  startedAtMs,
}: Pick<Boot, "given" | "startedWallMs" | "startedAtMs">): BootDetailReply["given"] {
  return given.map(({ atMs, ...file }) => ({
    ...file,
    at: new Date(startedWallMs + atMs - startedAtMs).toISOString(),
  }));
}

function inWholeMs({ elapsedMs, usualMs, ...rest }: Pace): Pace {
  return { elapsedMs: Math.round(elapsedMs), usualMs: Math.round(usualMs), ...rest };
}

function registrationReply(
  registration: SeenRegistration | null,
  wall: (atMs: number) => string,
): BootReply["registration"] {
  if (registration === null) return null;
  const { status, host, reason, remedy, atMs } = registration;
  return { status, host, reason, remedy, at: wall(atMs) };
}

/** How fast a download was, or how far one is that runs. */
function transferOf(boot: Boot, { stage, lastAtMs, detail }: Step): StepDetail {
  const bytes = Number(detail["bytes"] ?? 0);
  const durationMs = Number(detail["durationMs"] ?? 0);
  if (bytes > 0 && durationMs > 0) return { bytesPerSecond: perSecond(bytes, durationMs) };
  const { download } = boot;
  const isOver = !endOf.has(stage) || boot.steps.some((step) => step.stage === endOf.get(stage));
  const isNext = boot.steps.some((step) => endOf.has(step.stage) && step.lastAtMs > lastAtMs);
  if (bytes === 0 || isOver || isNext || download === null || download.atMs < lastAtMs) return {};
  const bytesSent = Math.min(bytes, download.bytes);
  const took = Math.max(1, download.atMs - lastAtMs);
  return {
    bytesSent,
    percent: Math.floor((bytesSent / bytes) * 100),
    bytesPerSecond: perSecond(bytesSent, took),
  };
}

function perSecond(bytes: number, ms: number): number {
  return Math.round((bytes * 1000) / ms);
}
