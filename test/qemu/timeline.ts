import type { ServerEvent } from "./server.ts";
import { isStage } from "../../src/timeline/stages.ts";

/** One thing that happened during a boot. */
export interface Step {
  readonly name: string;
  /** `performance.now()` then. */
  readonly at: number;
}

/** The stages of one machine among a server's events. An event without a `mac` may be any machine's. */
export function stagesOf(events: readonly ServerEvent[], mac: string, since: number): Step[] {
  return events
    .filter(({ event, at, fields }) => {
      const about = fields["mac"] ?? mac;
      return isStage(event) && at >= since && about === mac;
    })
    .map(({ event, at, fields }) => {
      const { evidence } = fields;
      return { name: typeof evidence === "string" ? `${event} (${evidence})` : event, at };
    });
}

/** A table: when each step came, counted from `start`, and how long after the step before. */
export function timeTable(steps: readonly Step[], start: number): string {
  let before = start;
  const rows = steps
    .toSorted((a, b) => a.at - b.at)
    .map(({ name, at }) => {
      const row = `  ${name.padEnd(18)}${seconds(at - start)}  ${`+${seconds(at - before).trim()}`.padStart(8)}`;
      before = at;
      return row;
    });
  return ["  stage                  at s     after", ...rows].join("\n");
}

/** Milliseconds as seconds with one decimal, in a column. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(1).padStart(8);
}
