import { type Command, Option } from "commander";
import type { ProbeOptions } from "../probe.ts";
import type { SimulateOptions } from "../simulate/simulate.ts";
import { addConfigured, type CommandSite, wholeNumber } from "./common.ts";

interface ProbeFlags {
  readonly interface: string;
  readonly firmware: ProbeOptions["firmware"];
  readonly mac?: string;
  readonly json?: boolean;
}

interface SimulateFlags {
  readonly target: string;
  readonly nodes: number;
  readonly ramp: number;
  readonly firmware: SimulateOptions["firmware"];
  readonly interface?: string;
  readonly serverPid?: number;
  readonly json?: boolean;
}

/** `probe`, `simulate` and `demo`, which play machines, and `watch`, which shows them. */
export function machineCommands(cli: Command, { program, finish }: CommandSite): void {
  cli
    .command("probe")
    .description("play a PXE client on the wire: would it boot, and if not, why; takes no lease")
    .requiredOption("--interface <name>", "the interface on the machines' link")
    .addOption(
      new Option("--firmware <kind>", "the firmware to play")
        .choices(["bios", "uefi", "uefi-http", "ipxe"])
        .default("uefi"),
    )
    .option("--mac <mac>", "the machine to play (default: an unknown one)")
    .option("--json", "print the result as JSON")
    .action(async (options: ProbeFlags) => {
      const { probe } = await import("../probe.ts");
      const { interface: name, firmware, mac = null, json = false } = options;
      finish(await probe(program, { interface: name, firmware, mac, json }));
    });
  addConfigured(
    cli,
    "watch",
    "the machines live, from the running server: full-screen with keys on a terminal, else a line for each news",
  ).action(async (options: { config?: string }) => {
    const { watch } = await import("../watch/watch.ts");
    finish(await watch(program, options.config ?? null));
  });
  cli
    .command("simulate")
    .description("a boot storm by simulated machines: how long each stage takes, and what fails")
    .requiredOption("--target <address>", "the server to measure, in a network of this host")
    .requiredOption("--nodes <count>", "how many machines", wholeNumber(1, 10_000))
    .option("--ramp <seconds>", "power them on within so long", wholeNumber(0, 3600), 0)
    .addOption(
      new Option("--firmware <kind>", "the firmware to play")
        .choices(["bios", "uefi", "uefi-http"])
        .default("uefi"),
    )
    .option("--interface <name>", "the interface on the machines' link (default: the target's)")
    .option(
      "--server-pid <pid>",
      "the server's process, where it runs on this host",
      wholeNumber(1, 2 ** 22),
    )
    .option("--json", "print the result as JSON")
    .action(async (options: SimulateFlags) => {
      const { simulate } = await import("../simulate/simulate.ts");
      const { target, nodes, ramp, firmware, interface: name = null } = options;
      const { serverPid = null, json = false } = options;
      const how = { target, nodes, rampSeconds: ramp, firmware, interface: name, serverPid, json };
      finish(await simulate(program, how));
    });
  cli.command("simulate-worker", { hidden: true }).action(async () => {
    const { simulateWorker } = await import("../simulate/worker.ts");
    finish(await simulateWorker(program));
  });
  cli
    .command("demo")
    .description("the whole thing on this machine, with simulated machines; needs no configuration")
    .option("--once", "end after the machines have booted")
    .option("--nodes <count>", "how many machines", wholeNumber(1, 200), 3)
    .option("--verbose", "each stage of each machine in a line of its own")
    .action(async (options: { once?: boolean; nodes: number; verbose?: boolean }) => {
      // Loading what it needs takes a moment.
      program.out.write(
        "Starting an orchestrator with a CA of its own, the mirror and the servers, all on loopback …\n",
      );
      const { demo } = await import("../demo.ts");
      const { once = false, nodes, verbose = false } = options;
      finish(await demo(program, { once, nodes, verbose }));
    });
}
