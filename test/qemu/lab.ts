/**
 * One machine of the lab by hand: `npm run lab -- --help`.
 */
import { spawn } from "node:child_process";
import { Command, Option } from "commander";
import type { Machine } from "./qemu-command.ts";
import { accelerators, firmwareFacts, firmwares } from "./qemu-command.ts";
import type { Accelerator, Firmware } from "./qemu-command.ts";
import { exitOf, LabError } from "./process.ts";
import { modes } from "./server.ts";
import type { Mode, ServerEvent } from "./server.ts";
import { clean, loaderKinds, openSite, servers, siteNeeds } from "./site.ts";
import type { LoaderKind, ServerKind, Site } from "./site.ts";
import { seconds, stagesOf, timeTable } from "./timeline.ts";

interface Options {
  readonly client: Firmware;
  readonly mode: Mode;
  readonly server: ServerKind;
  readonly loaders: LoaderKind;
  readonly command?: string;
  readonly accel: Accelerator;
  readonly boots: number;
  readonly offline: boolean;
  readonly raw: boolean;
  readonly shell: boolean;
  readonly keep: boolean;
  readonly clean: boolean;
}

const say = (text: string) => process.stdout.write(`${text}\n`);

const clients = firmwares.map((name) => `  ${name.padEnd(15)}${firmwareFacts[name].title}`);

const program = new Command("npm run lab --")
  .description(
    "Boots an emulated machine over a network of its own, and shows the machine's console " +
      "beside the server's events. Needs root, for network namespaces.",
  )
  .addOption(new Option("--client <firmware>", "the machine").choices(firmwares).default("uefi"))
  .addOption(
    new Option(
      "--mode <mode>",
      "how the server serves the link; in proxy mode dnsmasq is the site's address server",
    )
      .choices(modes)
      .default("proxy"),
  )
  .addOption(
    new Option(
      "--server <server>",
      "what to boot from; dnsmasq tells a fault of the lab from one of ours",
    )
      .choices(servers)
      .default("eim-pxe"),
  )
  .addOption(
    new Option(
      "--loaders <kind>",
      "the iPXE that eim-pxe hands out: Debian 12's, or Debian 13's, which is fetched once",
    )
      .choices(loaderKinds)
      .default("old"),
  )
  .option("--command <words>", "how to run eim-pxe; from source when not given")
  .addOption(
    new Option("--accel <name>", "kvm is faster where it works, and falls back to tcg")
      .choices(accelerators)
      .default("tcg"),
  )
  .option("--boots <n>", "how many machines, one after the other", Number, 1)
  .option("--offline", "stop the orchestrator first: boot from the mirror alone", false)
  .option("--raw", "the console as it is, keyboard included, instead of line by line", false)
  .option("--shell", "afterwards a shell inside the lab's network, the server still running", false)
  .option("--keep", "keep logs and capture even when all went well", false)
  .option("--clean", "remove what crashed or failed runs have left, and do no more", false)
  .addHelpText(
    "after",
    `\nMachines:\n${clients.join("\n")}\n\nExamples:\n  npm run lab -- --client bios --mode full\n  npm run lab -- --offline --keep\n`,
  );

async function main(options: Options): Promise<void> {
  if (options.clean) {
    const removed = await clean();
    say(removed.length === 0 ? "nothing was left" : `removed:\n  ${removed.join("\n  ")}`);
    return;
  }
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  // The second Ctrl-C ends us at once; the network is removed all the same.
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  say(`starting ${options.server} in mode ${options.mode} …`);
  const site = await openSite({
    mode: options.mode,
    server: options.server,
    accelerator: options.accel,
    loaders: options.loaders,
    ...siteNeeds(options.client),
    ...(options.command === undefined ? {} : { command: words(options.command) }),
  });
  if (options.keep) site.keep();
  try {
    if (options.offline) await site.stopOrchestrator();
    for (let i = 0; i < options.boots && !interrupted.signal.aborted; i++) {
      await bootOne(site, site.newMachine(options.client), options, interrupted.signal);
    }
  } finally {
    if (options.shell && !interrupted.signal.aborted) await openShell(site);
    await site.close();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
  if (options.keep) say(`kept: ${site.folder}`);
}

function words(text: string): [string, ...string[]] {
  const [first = "", ...rest] = text.trim().split(/\s+/);
  return [first, ...rest];
}

async function bootOne(
  site: Site,
  machine: Machine,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  say(`power on: ${firmwareFacts[machine.firmware].title}, ${machine.mac}`);
  const start = performance.now();
  const line = (who: string, text: string) =>
    say(`${seconds(performance.now() - start)} ${who.padEnd(8)}${text}`);
  const unsubscribe = options.raw
    ? () => {}
    : site.server.onEvent((event) => {
        if (isOfInterest(event)) line("server", describe(event));
      });
  const result = await site
    .boot(machine, {
      ...(options.raw ? { raw: true } : { onConsoleLine: consolePrinter(line) }),
      signal,
    })
    .finally(unsubscribe);
  const { poweredOnAt } = result;
  const steps = stagesOf(site.server.events, machine.mac, poweredOnAt);
  const marker = { name: "marker on console", at: poweredOnAt + result.seconds * 1000 };
  say(`\n${timeTable([...steps, marker], poweredOnAt)}\n`);
}

/** Empty lines are what is left of painting. */
function consolePrinter(line: (who: string, text: string) => void): (text: string) => void {
  return (text) => {
    if (text.trim() !== "") line("console", text.trimEnd());
  };
}

/** Every few seconds the mirror finds that nothing is new. */
function isOfInterest({ event, fields }: ServerEvent): boolean {
  return event !== "sync-start" && !(event === "sync-done" && fields["changed"] === false);
}

function describe({ event, fields }: ServerEvent): string {
  const dull = new Set(["event", "level", "time", "msg", "message", "pid", "hostname", "mac"]);
  const rest = Object.entries(fields)
    .filter(([name, value]) => !dull.has(name) && value !== null)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `${event.padEnd(17)}${rest.join(" ")}`;
}

async function openShell(site: Site): Promise<void> {
  say(
    `a shell in namespace ${site.network.namespace}; logs in ${site.folder}; leave it to end the lab`,
  );
  const [command, ...args] = site.network.inside(process.env["SHELL"] ?? "/bin/sh");
  await exitOf(spawn(command, args, { stdio: "inherit" }));
}

try {
  await main(program.parse().opts<Options>());
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
