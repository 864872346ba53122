import type { Machine } from "../../events/types.ts";
import type { BootAppOptions } from "./context.ts";

const everyMs = 1000;

/** Notes that a machine's boot goes on, however often it is called: a fast download says so 10,000 times a second. */
export function progressOf(
  { sessions, clock }: Pick<BootAppOptions, "sessions" | "clock">,
  machine: Machine,
): (bytesSent: number) => void {
  let notedAtMs = clock.now();
  return (bytesSent) => {
    const nowMs = clock.now();
    if (nowMs - notedAtMs < everyMs) return;
    notedAtMs = nowMs;
    sessions.progress(machine, nowMs, bytesSent);
  };
}
