import type { Config } from "../../config/schema.ts";
import type { Emit } from "../../events/types.ts";
import type { AdmissionLimits } from "../../http/connections/admission.ts";
import { Files } from "../../http/files/files.ts";
import type { Clock } from "../../lib/clock.ts";

/** The other half is for what grows with the machines that boot, and for the rest of the host. */
const autoShare = 0.5;

interface Parts {
  readonly config: Config;
  /** Bytes of memory that this process could still take. */
  readonly availableMemory: () => number;
  readonly admission: AdmissionLimits;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** The files that all HTTP ports send, and how much memory they may take: `http.memoryBytes`. */
export function openHttpFiles({ config, availableMemory, admission, emit, clock }: Parts): Files {
  const { memoryBytes: configured, maxBytesPerSecond, queue } = config.http;
  const isAuto = configured === "auto";
  const memoryBytes = isAuto ? Math.floor(availableMemory() * autoShare) : configured;
  const { connections, perClient } = admission;
  emit({ event: "http-limits", memoryBytes, connections, connectionsPerClient: perClient });
  return new Files({ memoryBytes, maxBytesPerSecond, queue, clock });
}
