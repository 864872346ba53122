import { readFile } from "node:fs/promises";
import { uptime } from "node:os";
import type { LeaseStore } from "../../dhcp/leases/lease-store.ts";
import type { Emit, PxeEvent } from "../../events/types.ts";
import type { HostStart, SteadyClock } from "../../lib/clock.ts";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const LOOK_EVERY_MS = 1000;

/** The start of this host's operating system; a container has its host's. */
export async function readHostStart(): Promise<HostStart> {
  const text = await readFile(BOOT_ID, "utf8").catch(() => "");
  return { bootId: text.trim() === "" ? null : text.trim(), upMs: () => uptime() * 1000 };
}

export interface ClockWatchParts {
  readonly clock: SteadyClock;
  /** Null where no link is in mode full. */
  readonly journal: LeaseStore | null;
  readonly emit: Emit;
}

/** Notices when the system's clock is set: reports it, and writes it into the journal. Returns how to stop. */
export function watchClock({ clock, journal, emit }: ClockWatchParts): () => void {
  const timer = setInterval(() => {
    const stepMs = clock.followStep();
    if (stepMs === 0) return;
    emit(clockStep(stepMs, "running"));
    void journal?.noteClock();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

export function clockStep(stepMs: number, found: "running" | "starting"): PxeEvent {
  return { event: "clock-step", seconds: Math.round(stepMs / 1000), found };
}
