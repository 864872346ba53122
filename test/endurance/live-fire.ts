import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../support/command.ts";
import { stormTarget } from "../support/storm-site.ts";
import {
  bootMachines,
  close,
  mostInOneMinute,
  nextEvent,
  openSite,
  sampleOf,
  shareOfEvents,
  wordOf,
} from "./site.ts";

/*
 * npm run test:live-fire -- --seconds 300
 *
 * Mutated and reordered valid traffic at full rate on all ports of the running server from forty addresses, while sets of
 * 20 simulated machines boot one after the other. All machines have to come up, the process has to be the same one,
 * its memory has to return to its level after a first such fire, and the log must stay below 1 MB in each minute. Needs root.
 */

const seconds = wordOf("seconds", 300);
/** What a heap that has been large once may keep. */
const mostMoreMiB = 96;
const mostLogBytesPerMinute = 1_000_000;
/** A site whose 20 machines are switched on three times a minute: what is logged of them is no matter of the fire. */
const setEveryMs = 20_000;
/** Longer than a transfer by TFTP waits for a client that is gone. */
const settleMs = 60_000;

const program = await Program.build();
const site = await openSite(program);
const problems: string[] = [];
try {
  const attackers = Array.from({ length: 40 }, (_, index) => `10.77.200.${index + 1}`);
  for (const address of attackers) {
    site.net.ip(site.clientHost, "addr", "add", `${address}/32`, "dev", "eth0");
  }
  const startedAtMs = performance.now();
  const traffic = new URL("traffic.ts", import.meta.url);
  const sets = ["--nodes", "20", "--ramp", "5"];
  const fireFor = async (forSeconds: number) => {
    const words = [stormTarget, String(forSeconds), ...attackers];
    const guest = site.net.run(site.clientHost, traffic, ...words);
    await nextEvent(guest, "firing");
    const untilMs = performance.now() + forSeconds * 1000;
    const booted = await bootMachines(site, sets, () => performance.now() >= untilMs, setEveryMs);
    const fired = await nextEvent(guest, "fired");
    const sample = sampleOf(site, startedAtMs);
    await sleep(settleMs);
    return { ...booted, fired, sample };
  };
  // Memory is compared with a server that has done all of it once, and remembers as many boots as it ever will.
  const started = await bootMachines(site, ["--nodes", "20", "--ramp", "2"], () => true);
  const idle = sampleOf(site, startedAtMs);
  const warmUp = await fireFor(Math.min(30, seconds));
  const before = sampleOf(site, startedAtMs);
  const during = await fireFor(seconds);
  const { fired, sample: underFire } = during;
  const after = sampleOf(site, startedAtMs);

  // To the end: what follows from the fire, such as boots that stand still, is logged afterwards.
  const perMinute = mostInOneMinute(site.log.slice(idle.logBytes));
  const grown = after.residentMiB - before.residentMiB;
  const open = after.descriptors - before.descriptors;
  const { booted } = during;
  console.log(JSON.stringify({ fired, idle, before, underFire, after, booted }, null, 2));
  console.log(JSON.stringify(shareOfEvents(site.log), null, 2));
  const memory = [idle, before, underFire, after].map((one) => one.residentMiB.toFixed(0));
  console.log(
    `${booted} machines booted under fire; memory idle ${memory[0]}, after a first fire ${memory[1]}, under fire ${memory[2]}, ` +
      `a minute after ${memory[3]} MiB; log ${(perMinute / 1000).toFixed(0)} kB in the minute with most of it`,
  );
  problems.push(...started.failures);
  problems.push(...warmUp.failures, ...during.failures);
  if (during.booted === 0) problems.push("no machine booted");
  if (grown > mostMoreMiB) problems.push(`memory: ${grown.toFixed(0)} MiB more than before`);
  if (open > 32) problems.push(`descriptors: ${open} more than before`);
  if (perMinute > mostLogBytesPerMinute) problems.push(`log: ${perMinute} bytes in one minute`);
} finally {
  if (problems.length > 0) {
    const kept = join(tmpdir(), "live-fire.log");
    writeFileSync(kept, site.log);
    problems.push(`the server's log is in ${kept}`);
  }
  await close(site);
  await program.remove();
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
