import { z } from "zod";

/*
 * What the tasks of a page were made of, read from a trace of Chromium. Pure.
 */

/** What has to be traced for it. */
export const tracedCategories: readonly string[] = ["toplevel", "devtools.timeline", "v8"];

const traceEvent = z.looseObject({
  name: z.string(),
  ph: z.string(),
  pid: z.number(),
  tid: z.number(),
  /** Microseconds: when it began, how long it took by the clock, and on the processor. */
  ts: z.number().default(0),
  dur: z.number().default(0),
  tdur: z.number().optional(),
  args: z.looseObject({ name: z.string().optional() }).default({}),
});
type TraceEvent = z.output<typeof traceEvent>;
const trace = z.object({ traceEvents: z.array(traceEvent) });

export interface PageTask {
  readonly clockMs: number;
  readonly processorMs: number;
  /** Milliseconds of each of the browser's steps, without those within it. */
  readonly parts: ReadonlyMap<string, number>;
}

const isTask = ({ name }: TraceEvent): boolean => name.endsWith("RunTask");
const isScript = ({ name }: TraceEvent): boolean => name === "FunctionCall";
const mayBeForced: ReadonlySet<string> = new Set(["Layout", "UpdateLayoutTree"]);

const processorMsOf = ({ tdur, dur }: TraceEvent): number => (tdur ?? dur) / 1000;

/** The tasks of the thread that runs the page's scripts and lays it out. */
export function tasksOf(json: string): readonly PageTask[] {
  const { traceEvents } = trace.parse(JSON.parse(json));
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(threadOf),
  );
  return [...main].flatMap((thread) =>
    tasksOfThread(traceEvents.filter((event) => event.ph === "X" && threadOf(event) === thread)),
  );
}

function tasksOfThread(events: readonly TraceEvent[]): readonly PageTask[] {
  const tasks: PageTask[] = [];
  let parts = new Map<string, number>();
  /** What goes on at this moment, the innermost last. */
  let open: readonly { readonly event: TraceEvent; readonly name: string }[] = [];
  const add = (name: string, ms: number) => parts.set(name, (parts.get(name) ?? 0) + ms);
  for (const event of events.toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    open = open.filter((one) => one.event.ts + one.event.dur > event.ts);
    const around = open.at(-1);
    if (around === undefined) {
      if (!isTask(event)) continue;
      parts = new Map();
      tasks.push({ clockMs: event.dur / 1000, processorMs: processorMsOf(event), parts });
    } else {
      add(around.name, -processorMsOf(event));
    }
    const isForced = mayBeForced.has(event.name) && open.some((one) => isScript(one.event));
    const name = isTask(event)
      ? "the rest"
      : isForced
        ? `${event.name} that a script forces`
        : event.name;
    add(name, processorMsOf(event));
    open = [...open, { event, name }];
  }
  return tasks;
}

/** Its largest parts, as a line of text. */
export function inWords({ clockMs, processorMs, parts }: PageTask): string {
  const largest = [...parts]
    .filter(([, ms]) => ms >= 0.5)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 8)
    .map(([name, ms]) => `${name} ${ms.toFixed(1)}`);
  return `${Math.round(clockMs)} ms, on the processor ${Math.round(processorMs)}: ${largest.join(", ")}`;
}
