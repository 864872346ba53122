import type { BootReply } from "../../api/boots.ts";

/** Whether to wait for a boot or to act, by how long boots here are at its stage; null: that is not known. */
export function paceInWords({ stage, expected }: Pick<BootReply, "stage" | "expected">) {
  if (expected === null) return null;
  const { elapsedMs, usualMs, isLate, boots } = expected;
  const made = `the median of ${boots} boot${boots === 1 ? "" : "s"} here is ${seconds(usualMs)}`;
  const said = `it has been at ${stage} for ${seconds(elapsedMs)}, and ${made}`;
  return isLate ? `act: ${said}` : `wait: ${said}`;
}

/** That a boot which still goes on is at its stage for longer than usual, for a short line; null: it is not. */
export function lateInWords({ status, expected }: BootReply): string | null {
  if (status !== "booting" || expected === null || !expected.isLate) return null;
  return `${seconds(expected.elapsedMs)}, usually ${seconds(expected.usualMs)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
