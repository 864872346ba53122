import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "../support/command.ts";
import { nextEvent } from "../support/netns.ts";
import { StormSite, type StormSiteOptions, stormTarget } from "../support/storm-site.ts";
import {
  costTables,
  failureLines,
  lostIn,
  type Measured,
  stageTable,
  stormPicture,
  stormTable,
} from "./storm-tables.ts";
import { captureDhcp } from "./storm-wire.ts";

/*
 * Boot storms by `eim-pxe simulate`, server and generator on a core each, a virtual cable between them:
 *   npx tsx test/bench/storm.ts [PART…] [nodes=N]
 * Parts: full, proxy, alone (TFTP and HTTP by themselves), many (2,000 machines), cost (10 to 2,000), disturbed, elsewhere (200
 * machines, with and without webhooks, traces and syslog by turns: ABBA). Without a part: all. `nodes` is in place of 500 and
 * 2,000, for a trial; `profile=FOLDER` has each server write a profile of its processor time there. Needs root, tcpdump and dnsmasq; prints markdown and writes
 * docs/pictures/storm-*.svg.
 */

const parts = ["full", "proxy", "alone", "many", "cost", "disturbed", "elsewhere"] as const;
type Part = (typeof parts)[number];

const words = process.argv.slice(2);
const trial = Number(words.find((word) => word.startsWith("nodes="))?.slice(6) ?? Number.NaN);
const profileTo = words.find((word) => word.startsWith("profile="))?.slice(8) ?? null;
const chosen = words.filter((word) => !/^(nodes|profile)=/.test(word));
const wrong = chosen.filter((word) => !parts.some((part) => part === word));
if (wrong.length > 0)
  throw new Error(`no such part: ${wrong.join(", ")}; there are ${parts.join(", ")}`);
const wants = (part: Part): boolean => chosen.length === 0 || chosen.includes(part);
const nodes = Number.isNaN(trial) ? 500 : trial;
const many = Number.isNaN(trial) ? 2000 : trial;

const mebibyte = 1024 * 1024;
const whole = { loaderBytes: mebibyte, kernelBytes: 14 * mebibyte, initramfsBytes: 64 * mebibyte };
const tiny = 64 * 1024;
const pictures = "docs/pictures";

const program = await Program.build();
mkdirSync(pictures, { recursive: true });

async function storm(
  name: string,
  options: StormSiteOptions,
  count: number,
  prepare: (site: StormSite) => Promise<void> = () => Promise.resolve(),
): Promise<Measured> {
  const site = await StormSite.open(program, { coreEach: true, profileTo, ...options });
  try {
    await prepare(site);
    const before = lostIn(site.serverPid);
    const endOfCapture = await captureDhcp(site);
    const { result, output } = await site.simulate("--nodes", String(count), "--ramp", "5");
    if (result === null) throw new Error(`${name}: ${output}`);
    const answeredMs = await endOfCapture();
    const after = lostIn(site.serverPid);
    const lost = {
      connections: after.connections - before.connections,
      datagrams: after.datagrams - before.datagrams,
    };
    return { name, result, lost, answeredMs };
  } finally {
    await site.close();
    // What a storm leaves to the kernel is not the next one's.
    await sleep(3000);
  }
}

function report(all: readonly Measured[]): void {
  console.log(stormTable(all));
  for (const { name, result } of all)
    console.log(`${name}\n\n${stageTable(result)}${failureLines(result)}`);
}

function picture(one: Measured, file: string): void {
  writeFileSync(`${pictures}/${file}.svg`, stormPicture(one));
  console.log(`![${one.name}](pictures/${file}.svg)\n`);
}

/** A client's hosts with addresses of their own: 103 of them. */
async function disturb(site: StormSite): Promise<void> {
  for (let index = 0; index < 103; index += 1) {
    site.net.ip(site.clientHost, "addr", "add", `10.77.200.${index + 1}/32`, "dev", "eth0");
  }
  const file = new URL("guests/disturber.ts", import.meta.url);
  const guest = site.net.run(site.clientHost, file, stormTarget, "8080", "10.77.200.1");
  await nextEvent(guest, "disturbing");
}

/** What the storms with all of it took of those without, both together. */
function shares(all: readonly Measured[]): string {
  const share = (of: (one: Measured) => number): string => {
    const sum = (which: string) =>
      all.filter(({ name }) => name.startsWith(which)).reduce((total, one) => total + of(one), 0);
    return (sum("with ") / sum("without")).toFixed(2);
  };
  const seconds = share(({ result }) => result.seconds);
  const cpu = share(({ result }) => result.server?.cpuSeconds ?? 0);
  return `${seconds} of the time, ${cpu} of the server's processor time`;
}

/** Two webhooks and a collector of traces, all on the server's own host. */
const ports = { otlp: 4318, webhook: 9318 } as const;
const told = {
  notify: {
    webhooks: [
      { url: `http://127.0.0.1:${ports.webhook}/one`, events: ["script", "micro-os"] },
      { url: `http://127.0.0.1:${ports.webhook}/two`, events: ["boot-stalled", "micro-os"] },
    ],
  },
  telemetry: { otlp: { url: `http://127.0.0.1:${ports.otlp}` } },
  syslog: { port: 514 },
};

/** They have the generator's core. */
async function listenElsewhere(site: StormSite): Promise<void> {
  const file = new URL("guests/elsewhere.ts", import.meta.url);
  const { otlp, webhook } = ports;
  const guest = site.net.run(site.serverHost, file, String(otlp), String(webhook));
  await nextEvent(guest, "listening");
  execFileSync("taskset", ["-a", "-c", "-p", "1", String(guest.pid)]);
}

/** The kernel knows 1,024 neighbours as it comes, of all links together: fewer than there are machines. */
const thresholds = ["gc_thresh2", "gc_thresh3"].map((name) => {
  const path = `/proc/sys/net/ipv4/neigh/default/${name}`;
  const former = readFileSync(path, "utf8").trim();
  writeFileSync(path, String(Math.max(Number(former), 16_384)));
  return { path, former };
});
try {
  console.log(`${execFileSync("uname", ["-srm"]).toString().trim()}, Node ${process.version}\n`);
  if (wants("full") || wants("proxy")) {
    const all: Measured[] = [];
    for (const mode of ["full", "proxy"] as const) {
      if (!wants(mode)) continue;
      all.push(await storm(`${nodes} machines, mode ${mode}`, { mode, ...whole }, nodes));
    }
    report(all);
    for (const one of all) picture(one, `storm-${one.result.dhcp.mode}`);
  }
  if (wants("alone")) {
    const both = await storm("whole", { mode: "full", ...whole }, nodes);
    const small = { kernelBytes: tiny, initramfsBytes: tiny };
    const tftp = await storm("TFTP alone", { mode: "full", ...whole, ...small }, nodes);
    const http = await storm("HTTP alone", { mode: "full", ...whole, loaderBytes: tiny }, nodes);
    report([both, tftp, http]);
    const sum = tftp.result.seconds + http.result.seconds;
    const share = (both.result.seconds / sum).toFixed(2);
    console.log(`The whole takes ${share} of the sum of its TFTP part and its HTTP part alone.\n`);
  }
  if (wants("many")) {
    const options = { mode: "full", ...whole, initramfsBytes: 8 * mebibyte } as const;
    const one = await storm(`${many} machines, initramfs of 8 MiB`, options, many);
    report([one]);
    picture(one, "storm-many");
  }
  if (wants("cost")) {
    const counts = Number.isNaN(trial) ? [10, 100, 500, 2000] : [10, trial];
    const all: Measured[] = [];
    for (const count of counts) {
      all.push(await storm(`${count} machines`, { mode: "full", ...whole }, count));
    }
    report(all);
    console.log(costTables(all));
  }
  if (wants("elsewhere")) {
    const options = { mode: "full", ...whole } as const;
    const count = Number.isNaN(trial) ? 200 : trial;
    const all: Measured[] = [];
    // A machine that becomes slower or faster meanwhile is in both sums alike.
    for (const turn of ["first", "second"]) {
      const without = () => storm(`without, ${turn}`, options, count);
      const withAll = () =>
        storm(
          `with all of it, ${turn}`,
          { ...options, configuration: told },
          count,
          listenElsewhere,
        );
      for (const run of turn === "first" ? [without, withAll] : [withAll, without])
        all.push(await run());
    }
    report(all);
    console.log(`With all of it switched on, to without: ${shares(all)}.\n`);
  }
  if (wants("disturbed")) {
    const options = { mode: "full", ...whole } as const;
    const without = await storm("without", options, nodes);
    const disturbed = await storm("with unwanted clients", options, nodes, disturb);
    report([without, disturbed]);
  }
} finally {
  for (const { path, former } of thresholds) writeFileSync(path, former);
  await program.remove();
}
