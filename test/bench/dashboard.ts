/**
 * `npx tsx test/bench/dashboard.ts [SECONDS]`: the dashboard in a browser with 2,000 machines and 200 events a
 * second. Prints first paint, the longest task while scrolling, and the page's memory over the time, as Markdown.
 */
import { setTimeout as sleep } from "node:timers/promises";
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
await page.evaluate("window.longTasks.length = 0");
const memory: string[] = [];
const endsAt = Date.now() + seconds * 1000;
const everySeconds = Math.max(5, seconds / 10);
while (Date.now() < endsAt) {
  memory.push((await heap()).toFixed(1));
  const until = Date.now() + everySeconds * 1000;
  while (Date.now() < Math.min(until, endsAt)) {
    await page.mouse.wheel(0, sent % 400 < 200 ? 900 : -900);
    await sleep(100);
  }
}
clearInterval(timer);
const longTasks = await page.evaluate<readonly number[]>("window.longTasks");
const longest = Math.max(0, ...longTasks);
console.log(`| figure | value |
|---|---|
| machines, events a second, seconds | ${machines}, ${eventsPerSecond}, ${seconds} |
| first contentful paint | ${Math.round(paints)} ms |
| first machine on the page | ${Math.round(firstRow)} ms |
| tasks over 50 ms while scrolling | ${longTasks.length}, the longest ${Math.round(longest)} ms |
| memory of the page after collecting, MB | ${memory.join(", ")} |`);
await browser.close();
await made.close();
