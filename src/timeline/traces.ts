import type { TraceContext } from "../boot/trace-context.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { type MachineKey, startsNewBoot } from "./boot.ts";
import type { BootSessions } from "./boots.ts";
import type { Stage } from "./stages.ts";

/** The trace that a boot is. */
export interface BootTrace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** Of the boot's own span, 16 hex digits. */
  readonly spanId: string;
  /** The span of somebody else that the boot is a part of; null: it begins the trace. */
  readonly parentId: string | null;
  readonly sampled: boolean;
}

/** What the machine is told of its boot's trace: whatever goes on with it is below the boot's span. */
function contextOf({ traceId, spanId, sampled }: BootTrace): TraceContext {
  return { traceId, parentId: spanId, sampled };
}

/** The trace of the boot in which a machine comes to this stage now; null: boots are not traced. */
export function traceOf(
  sessions: Pick<BootSessions, "latest" | "traces">,
  machine: MachineKey,
  stage: Stage,
  nowMs: number,
): TraceContext | null {
  const { traces } = sessions;
  if (traces === null) return null;
  const current = sessions.latest(machine);
  const begins = current === null || startsNewBoot(current, stage, nowMs);
  const key = machine.mac ?? `address ${machine.address}`;
  const trace = begins ? traces.next(key) : (current.trace ?? null);
  return trace === null ? null : contextOf(trace);
}

/** Machines that were told of a trace before their boot is known. */
const mostPlanned = 4096;

/**
 * The traces of boots that begin. An offer names the trace before the boot is recorded that it is the first sign of, so one that
 * was told is kept for that boot.
 */
export class PlannedTraces {
  readonly #make: () => BootTrace;
  readonly #planned = new BoundedMap<string, BootTrace>(mostPlanned);

  /** @param make another one at each call */
  constructor(make: () => BootTrace) {
    this.#make = make;
  }

  /** That of the next boot of the machine with this key. */
  next(key: string): BootTrace {
    const planned = this.#planned.get(key) ?? this.#make();
    this.#planned.set(key, planned);
    return planned;
  }

  /** The same, for a boot that begins now. */
  take(key: string): BootTrace {
    const planned = this.#planned.get(key);
    this.#planned.delete(key);
    return planned ?? this.#make();
  }
}
