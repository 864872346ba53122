/**
 * `npx tsx test/bench/dashboard.ts [SECONDS]`: the dashboard in a browser with 2,000 machines and 200 events a
 * second. Prints first paint, the longest task while scrolling, what the longest are made of, and the page's memory
 * over the time, as Markdown. A task's time by the clock is what a person feels; beside other work on this host its
 * time on the processor says what it would be without.
 */
import { cpus, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { buildDashboard, openBrowser } from "../support/browser.ts";
import { say } from "../support/boot-story.ts";
import { scripted } from "../support/failing-boots.ts";
import { MadeUpSite } from "../support/made-up-site.ts";
import { inWords, type PageTask, tasksOf, tracedCategories } from "./page-tasks.ts";

const machines = 2000;
const eventsPerSecond = 200;
const seconds = Number(process.argv[2] ?? 600);

function machine(index: number) {
  const hex = index.toString(16).padStart(4, "0");
  return {
    mac: `52:54:00:7b:${hex.slice(0, 2)}:${hex.slice(2)}`,
    address: `10.77.${index >> 8}.${index & 255}`,
  };
}

buildDashboard();
const made = new MadeUpSite();
for (let index = 0; index < machines; index += 1) {
  const { mac, address } = machine(index);
  made.tell(mac, address, scripted, 1 + (index % 200));
}
const url = await made.open(`${process.cwd()}/dist/dashboard`);
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
await page.addInitScript(`
  window.longTasks = [];
  window.longFrames = [];
  const watch = (type, keep) =>
    new PerformanceObserver((list) => list.getEntries().forEach(keep)).observe({ type, buffered: true });
  watch("longtask", ({ duration }) => window.longTasks.push(duration));
  watch("long-animation-frame", (frame) => window.longFrames.push(frame.toJSON()));
`);
await page.goto(`${url}/`);
await page.locator(".row").first().waitFor();
const paints = await page.evaluate<number>(
  "performance.getEntriesByName('first-contentful-paint')[0].startTime",
);
const firstRow = await page.evaluate<number>("performance.now()");
await page.getByText(`${machines} machines`).waitFor();

let sent = 0;
const timer = setInterval(() => {
  for (let one = 0; one < eventsPerSecond / 20; one += 1) {
    const { mac, address } = machine((sent * 7919) % machines);
    const event = sent % 2 === 0 ? say.kernel() : say.initramfs();
    made.emit("mac" in event ? { ...event, mac, address } : event);
    sent += 1;
  }
}, 50);
const cdp = await page.context().newCDPSession(page);
const heap = async (): Promise<number> => {
  await cdp.send("HeapProfiler.collectGarbage");
  return (await page.evaluate<number>("performance.memory.usedJSHeapSize")) / 1e6;
};
const longFrame = z.object({
  startTime: z.number(),
  duration: z.number(),
  /** When the frame was begun to be drawn: animation frames, style, layout. */
  renderStart: z.number(),
  styleAndLayoutStart: z.number(),
  scripts: z.array(
    z.looseObject({
      invoker: z.string(),
      duration: z.number(),
      forcedStyleAndLayoutDuration: z.number(),
    }),
  ),
});
type LongFrame = z.output<typeof longFrame>;
const longOnes = z.object({ tasks: z.array(z.number()), frames: z.array(longFrame) });
/** What was long since the last call. */
const longSince = async (): Promise<z.output<typeof longOnes>> => {
  // What was observed is handed over a little later.
  await sleep(300);
  return longOnes.parse(
    await page.evaluate(
      "({ tasks: window.longTasks.splice(0), frames: window.longFrames.splice(0) })",
    ),
  );
};
const frameInWords = (frame: LongFrame): string => {
  const end = frame.startTime + frame.duration;
  const part = (from: number, to: number) => Math.max(0, Math.round(to - from));
  const scripts = frame.scripts
    .toSorted((a, b) => b.duration - a.duration)
    .slice(0, 4)
    .map(
      ({ invoker, duration, forcedStyleAndLayoutDuration: forced }) =>
        `${invoker} ${Math.round(duration)}${forced >= 1 ? ` (${Math.round(forced)} of it style and layout)` : ""}`,
    );
  const drawn =
    frame.renderStart === 0
      ? "nothing was drawn"
      : `before drawing ${part(frame.startTime, frame.renderStart)}, handlers ${part(frame.renderStart, frame.styleAndLayoutStart)}, style, layout and paint ${part(frame.styleAndLayoutStart, end)}`;
  return `${Math.round(frame.duration)} ms: ${drawn}; scripts: ${scripts.join(", ")}`;
};
/** As a person does: now and then there is something to read, and the machines take their places. */
const scroll = async (forMs: number): Promise<void> => {
  const untilMs = Date.now() + forMs;
  for (let turn = 1; Date.now() < untilMs; turn += 1) {
    await page.mouse.wheel(0, sent % 400 < 200 ? 900 : -900);
    await sleep(turn % 20 === 0 ? 800 : 100);
  }
};
const longest = (some: readonly PageTask[]): readonly PageTask[] =>
  some.toSorted((a, b) => b.processorMs - a.processorMs).slice(0, 5);
const rounds = 10;
const roundMs = (seconds * 1000) / rounds;
const tracedMs = Math.min(10_000, roundMs * 0.75);
const memory: string[] = [];
const long: number[] = [];
const longTraced: number[] = [];
const frames: LongFrame[] = [];
const tasks: PageTask[] = [];
for (let round = 0; round < rounds; round += 1) {
  memory.push((await heap()).toFixed(1));
  // The collection is a long task of its own, as are the beginning and the end of a trace; nobody's page has them.
  await browser.startTracing(page, { categories: [...tracedCategories] });
  await longSince();
  // As after a reload of the configuration, the page reads everything again.
  made.emit({ event: "reloaded", nodes: 0 });
  await scroll(tracedMs);
  longTraced.push(...(await longSince()).tasks);
  tasks.push(...longest(tasksOf((await browser.stopTracing()).toString("utf8"))));
  await longSince();
  await scroll(roundMs - tracedMs);
  const since = await longSince();
  long.push(...since.tasks);
  frames.push(...since.frames);
}
memory.push((await heap()).toFixed(1));
clearInterval(timer);
const shown = longest(tasks);
console.log(`| figure | value |
|---|---|
| machines, events a second, seconds | ${machines}, ${eventsPerSecond}, ${seconds} |
| first contentful paint | ${Math.round(paints)} ms |
| first machine on the page | ${Math.round(firstRow)} ms |
| tasks over 50 ms while scrolling, by the clock | ${long.length}, the longest ${Math.round(Math.max(0, ...long))} ms |
| the same while it was traced, in ${rounds} samples of ${tracedMs / 1000} s | ${longTraced.length}, the longest ${Math.round(Math.max(0, ...longTraced))} ms |
| the page's longest task on the processor, in those samples | ${Math.round(shown[0]?.processorMs ?? 0)} ms |
| other work on this host | load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores |
| memory of the page after collecting, MB | ${memory.join(", ")} |

The five longest tasks of the samples, milliseconds on the processor:

${shown.map((task) => `- ${inWords(task)}`).join("\n")}

The five longest frames of the rest, milliseconds by the clock:

${frames
  .toSorted((a, b) => b.duration - a.duration)
  .slice(0, 5)
  .map((frame) => `- ${frameInWords(frame)}`)
  .join("\n")}`);
await browser.close();
await made.close();
