import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { linePlot } from "../bench/plot.ts";
import { markdown } from "../bench/storm-tables.ts";
import { Program } from "../support/command.ts";
import { bootMachines, close, openSite, type Sample, sampleOf, wordOf } from "./site.ts";

/*
 * npm run test:soak -- --minutes 60
 *
 * Simulated machines boot one after the other, two each second, for so long; the server is looked at from outside all the
 * while. Descriptors, memory, timers and what is on disk have to be at the end what they were after the first
 * third. Prints a table and draws a picture: docs/pictures/soak.svg with 10 minutes and more, else soak.svg in the
 * folder for temporary files. Needs root.
 */

const minutes = wordOf("minutes", 60);
const everyMs = Math.max(1000, (minutes * 60_000) / 240);

/** How much more of each there may be in the last third than in the middle one: a share, and so many besides. */
const bounds = {
  residentMiB: [0.15, 24],
  heapMiB: [0.25, 16],
  descriptors: [0, 16],
  threads: [0, 2],
  timers: [0.1, 32],
  // They are written anew when they have grown to a bound.
  journalKiB: [1, 1024],
  timelineKiB: [1, 32 * 1024],
} as const satisfies Partial<Record<keyof Sample, readonly [share: number, more: number]>>;

const program = await Program.build();
const site = await openSite(program);
const samples: Sample[] = [];
try {
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + minutes * 60_000;
  const isOver = (): boolean => performance.now() >= untilMs;
  const booting = bootMachines(site, ["--nodes", "40", "--ramp", "20"], isOver);
  while (!isOver()) {
    await sleep(everyMs);
    samples.push(sampleOf(site, startedAtMs));
  }
  const { booted, failures } = await booting;
  const [middle, last] = [thirdOf(1), thirdOf(2)];
  const rows = Object.entries(bounds).map(([name, [share, more]]) => {
    const of = (set: readonly Sample[]) => median(set.map((one) => valueOf(one, name)));
    const most = of(middle) * (1 + share) + more;
    return { name, middle: of(middle), last: of(last), most, isFlat: of(last) <= most };
  });
  const head = ["", "middle third", "last third", "at most", ""];
  const cells = rows.map(({ name, middle: before, last: after, most, isFlat }) => [
    name,
    before.toFixed(1),
    after.toFixed(1),
    most.toFixed(1),
    isFlat ? "flat" : "**grows**",
  ]);
  const seconds = samples.at(-1)?.second ?? 1;
  const logged = (samples.at(-1)?.logBytes ?? 0) / 1024;
  console.log(`${minutes} minutes, ${booted} boots, ${failures.length} failures\n`);
  console.log(markdown([head, ...cells]));
  console.log(`log: ${logged.toFixed(0)} KiB in ${seconds} s, ${samples.length} samples\n`);
  draw(minutes >= 10 ? "docs/pictures/soak.svg" : join(tmpdir(), "soak.svg"));
  const grown = rows.filter(({ isFlat }) => !isFlat);
  if (failures.length > 0) console.error(failures[0]);
  if (grown.length > 0 || failures.length > 0 || booted === 0) process.exitCode = 1;
} finally {
  await close(site);
  await program.remove();
}

function thirdOf(which: 1 | 2): readonly Sample[] {
  const length = Math.max(1, Math.floor(samples.length / 3));
  return samples.slice(which * length, which === 2 ? undefined : 2 * length);
}

function valueOf(sample: Sample, name: string): number {
  return Object.entries(sample).find(([key]) => key === name)?.[1] ?? 0;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function draw(file: string): void {
  const series = (name: string, of: (sample: Sample) => number) => ({
    name,
    points: samples.map((one) => [one.second / 60, of(one)] as const),
  });
  const lines = [
    series("resident memory, MiB", (one) => one.residentMiB),
    series("heap in use, MiB", (one) => one.heapMiB),
    series("descriptors", (one) => one.descriptors),
    series("timers", (one) => one.timers),
    series("lease journal, KiB", (one) => one.journalKiB),
  ];
  const options = {
    title: `Two boots started each second, ${minutes} minutes`,
    x: { label: "minutes" },
    y: { label: "as the legend says" },
  };
  writeFileSync(file, linePlot(lines, options));
  console.log(`picture: ${file}`);
}
