import { isDenial } from "../../boot/refusals.ts";
import { type Boot, goesOnElsewhere } from "../boot.ts";

export const bootStatuses = ["booting", "up", "stalled", "denied", "local"] as const;
export type BootStatus = (typeof bootStatuses)[number];

// The longest pause between two stages that is still normal: iPXE of 2019 waits 16 s for IPv6
// router advertisements, EDK2 asks for the last time after 28 s.
const patienceMs = 60_000;
// After the last byte of the initramfs comes the start of the kernel, unpacking and device set-up.
const startPatienceMs = 180_000;

/**
 * Whether a boot goes on (here or with another server of the database), arrived, may not go on, went on from the machine's own disk, or has stood still for longer than is normal; one that was
 * not served stands still at once. `nowMs` is monotonic.
 */
export function statusOf(boot: Boot, nowMs: number): BootStatus {
  if (boot.stage === "micro-os") return "up";
  if (boot.isLocal) return "local";
  if (boot.refusal !== null) return isDenial(boot.refusal.code) ? "denied" : "stalled";
  if (goesOnElsewhere(boot)) return "booting";
  const patience = boot.stage === "initramfs-done" ? startPatienceMs : patienceMs;
  return nowMs - progressedAtMs(boot) > patience ? "stalled" : "booting";
}

/**
 * Whether a boot that goes on with another server of the database is over here: it is neither listed nor counted any more,
 * since that server's own timeline has the rest of it.
 */
export function isOverHere(boot: Boot, nowMs: number): boolean {
  return goesOnElsewhere(boot) && nowMs - (boot.seen.taken?.atMs ?? nowMs) > patienceMs;
}

/** How many of the boots have each status, without those that are over here; a step for each. */
export function* machinesByStatus(
  boots: Iterable<Boot>,
  nowMs: number,
): Generator<void, Record<BootStatus, number>> {
  const machines = { booting: 0, up: 0, stalled: 0, denied: 0, local: 0 };
  for (const boot of boots) {
    if (!isOverHere(boot, nowMs)) machines[statusOf(boot, nowMs)] += 1;
    yield;
  }
  return machines;
}

/**
 * When it last came further. An iPXE that cannot fetch its script asks for an address again each time that it tries,
 * as `autoexec.ipxe` has it do: that is no progress.
 */
function progressedAtMs({ stage, steps, updatedAtMs }: Boot): number {
  if (stage !== "ipxe-offer") return updatedAtMs;
  return steps.find((step) => step.stage === stage)?.firstAtMs ?? updatedAtMs;
}
