import { formatTraceparent, type TraceContext } from "../trace-context.ts";

/** A moment of a boot, for the orchestrator's own statistics. */
export interface KernelTiming {
  /** A word of letters and hyphens. */
  readonly name: string;
  readonly unixSeconds: number;
}

/** Words for the kernel's command line: `s_eim_NAME=TIME`, with times as iPXE's own `${unixtime}` writes them. */
export function timingWords(timings: readonly KernelTiming[]): string {
  let words = "";
  for (const { name, unixSeconds } of timings) {
    words += ` s_eim_${name.replaceAll("-", "_")}=0x${Math.max(0, unixSeconds).toString(16)}`;
  }
  return words;
}

/** The word by which the Micro-OS goes on with the boot's trace. */
export function traceWords(trace: TraceContext | null): string {
  return trace === null ? "" : ` ${traceWord(trace)}`;
}

/** `traceparent=00-…` */
export function traceWord(trace: TraceContext): string {
  return `traceparent=${formatTraceparent(trace)}`;
}
