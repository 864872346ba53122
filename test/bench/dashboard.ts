/**
 * `npx tsx test/bench/dashboard.ts [SECONDS]`: the dashboard in a browser with 2,000 machines and 200 events a
 * second. Prints first paint, the longest task while scrolling, and the page's memory over the time, as Markdown.
 * A task's time by the clock is what a person feels; beside other work on this host its time on the processor says
 * what it would be without.
 */
import { cpus, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { buildDashboard, openBrowser } from "../support/browser.ts";
import { say } from "../support/boot-story.ts";
import { scripted } from "../support/failing-boots.ts";
import { MadeUpSite } from "../support/made-up-site.ts";

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
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longTasks.push(duration);
  }).observe({ type: "longtask", buffered: true });
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
/** What was long since the last call. */
const longTasks = async (): Promise<readonly number[]> => {
  // What was observed is handed over a little later.
  await sleep(300);
  return page.evaluate<readonly number[]>("window.longTasks.splice(0)");
};
const traceEvents = z.object({
  traceEvents: z.array(
    z.looseObject({ name: z.string(), dur: z.number().default(0), tdur: z.number().default(0) }),
  ),
});
/** The longest task on the processor, in milliseconds, of those that the browser noted. */
const longestOnProcessor = (trace: Buffer): number => {
  const events = traceEvents.parse(JSON.parse(trace.toString("utf8"))).traceEvents;
  const tasks = events.filter(({ name }) => name.endsWith("RunTask"));
  return Math.max(0, ...tasks.map(({ tdur }) => tdur)) / 1000;
};
const scroll = async (forMs: number): Promise<void> => {
  const untilMs = Date.now() + forMs;
  while (Date.now() < untilMs) {
    await page.mouse.wheel(0, sent % 400 < 200 ? 900 : -900);
    await sleep(100);
  }
};
const rounds = 10;
const roundMs = (seconds * 1000) / rounds;
const tracedMs = Math.min(10_000, roundMs / 2);
const memory: string[] = [];
const long: number[] = [];
let onProcessorMs = 0;
for (let round = 0; round < rounds; round += 1) {
  memory.push((await heap()).toFixed(1));
  // The collection is a long task of its own, which nobody's page has.
  await longTasks();
  await browser.startTracing(page, { categories: ["toplevel"] });
  await scroll(tracedMs);
  onProcessorMs = Math.max(onProcessorMs, longestOnProcessor(await browser.stopTracing()));
  await scroll(roundMs - tracedMs);
  long.push(...(await longTasks()));
}
memory.push((await heap()).toFixed(1));
clearInterval(timer);
console.log(`| figure | value |
|---|---|
| machines, events a second, seconds | ${machines}, ${eventsPerSecond}, ${seconds} |
| first contentful paint | ${Math.round(paints)} ms |
| first machine on the page | ${Math.round(firstRow)} ms |
| tasks over 50 ms while scrolling, by the clock | ${long.length}, the longest ${Math.round(Math.max(0, ...long))} ms |
| the longest task on the processor, in ${rounds} samples of ${tracedMs / 1000} s | ${Math.round(onProcessorMs)} ms |
| other work on this host | load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores |
| memory of the page after collecting, MB | ${memory.join(", ")} |`);
await browser.close();
await made.close();
