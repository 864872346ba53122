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
 * its memory has to return to its level, and the log must stay below 1 MB in each minute. Needs root.
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
  // Memory is compared with a server that has done all of it once.
  const warmUp = await bootMachines(site, ["--nodes", "20", "--ramp", "2"], () => true);
  const before = sampleOf(site, startedAtMs);
  const file = new URL("traffic.ts", import.meta.url);
  const guest = site.net.run(site.clientHost, file, stormTarget, String(seconds), ...attackers);
  await nextEvent(guest, "firing");
  const untilMs = performance.now() + seconds * 1000;
  const words = ["--nodes", "20", "--ramp", "5"];
  const during = await bootMachines(site, words, () => performance.now() >= untilMs, setEveryMs);
  const fired = await nextEvent(guest, "fired");
  const underFire = sampleOf(site, startedAtMs);
  await sleep(settleMs);
  const after = sampleOf(site, startedAtMs);

  // To the end: what follows from the fire, such as boots that stand still, is logged afterwards.
  const perMinute = mostInOneMinute(site.log.slice(before.logBytes));
  const grown = after.residentMiB - before.residentMiB;
  const open = after.descriptors - before.descriptors;
  console.log(JSON.stringify({ fired, before, underFire, after, booted: during.booted }, null, 2));
  console.log(JSON.stringify(shareOfEvents(site.log), null, 2));
  console.log(
    `${during.booted} machines booted under fire; memory ${before.residentMiB.toFixed(0)} → ` +
      `${underFire.residentMiB.toFixed(0)} → ${after.residentMiB.toFixed(0)} MiB; log ${(perMinute / 1000).toFixed(0)} kB in the minute with most of it`,
  );
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
