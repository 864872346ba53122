import { Command, InvalidArgumentError, Option } from "commander";
import type { LeaseFormat } from "./leases.ts";
import type { ProbeOptions } from "./probe.ts";
import type { Program, ReportOptions } from "./shared/context.ts";

/* The words of the command line, and which command each one runs. */

function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 200) {
    throw new InvalidArgumentError("It must be a whole number from 1 to 200.");
  }
  return number;
}

interface ExplainFlags {
  readonly config?: string;
  readonly interface?: string;
  readonly source?: string;
  readonly port: string;
}

interface ProbeFlags {
  readonly interface: string;
  readonly firmware: ProbeOptions["firmware"];
  readonly mac?: string;
  readonly json?: boolean;
}

interface ReportFlags {
  readonly config?: string;
  readonly json?: boolean;
}

function reportOptions({ config, json }: ReportFlags): ReportOptions {
  return { config: config ?? null, json: json === true };
}

/** Adds a command that reads the configuration. */
function addConfigured(
  parent: Command,
  name: string,
  description: string,
  how?: { readonly isDefault: boolean },
): Command {
  return parent
    .command(name, how)
    .description(description)
    .option("-c, --config <file>", "the configuration (default: /etc/eim-pxe/eim-pxe.yaml)");
}

/** Adds one that can print its result as JSON, too. */
function addReport(...command: Parameters<typeof addConfigured>): Command {
  return addConfigured(...command).option("--json", "print the result as JSON");
}

/**
 * All commands with their options. Each one loads what it needs when it is run.
 *
 * @param finish takes the exit code of the command that was run
 */
export function commandLine(
  program: Program,
  version: string,
  finish: (code: number) => void,
): Command {
  const cli = new Command("eim-pxe")
    .description("Boots a site's machines over the network into the orchestrator's Micro-OS.")
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) });
  // Each command loads what it needs and no more: `check` starts in half the time of `serve`.
  const configured = (name: string, description: string) => addConfigured(cli, name, description);

  configured("serve", "serve DHCP, TFTP and HTTP until a signal ends it").action(
    async (options: { config?: string }) => {
      const { serve } = await import("./serve.ts");
      finish(await serve(program, options.config ?? null));
    },
  );
  configured("check", "validate the configuration; problems as FILE:LINE:COLUMN: message").action(
    async (options: { config?: string }) => {
      const { check } = await import("./check.ts");
      finish(check(program, options.config ?? null));
    },
  );
  addReport(cli, "sync", "bring the mirror up to date once").action(
    async (options: ReportFlags) => {
      const { sync } = await import("./sync.ts");
      finish(await sync(program, reportOptions(options)));
    },
  );
  artifactCommands(cli, program, finish);
  configured("explain", "what the server would answer to a DHCP packet, and why; sends nothing")
    .argument("<hex>", "the packet, the UDP payload in hex; - reads it from standard input")
    .option("--interface <name>", "the interface it came in on (default: the first configured)")
    .option("--source <ip:port>", "where it came from (default: 0.0.0.0:68)")
    .addOption(
      new Option("--port <port>", "the port it came to").choices(["67", "4011"]).default("67"),
    )
    .action(async (hex: string, options: ExplainFlags) => {
      const { explain } = await import("./explain.ts");
      const port = options.port === "4011" ? 4011 : 67;
      const { interface: name = null, source = null } = options;
      finish(
        await explain(program, options.config ?? null, { interface: name, source, port, hex }),
      );
    });
  cli
    .command("probe")
    .description("play a PXE client on the wire: would it boot, and if not, why; takes no lease")
    .requiredOption("--interface <name>", "the interface on the machines' link")
    .addOption(
      new Option("--firmware <kind>", "the firmware to play")
        .choices(["bios", "uefi", "uefi-http", "ipxe"])
        .default("uefi"),
    )
    .option("--mac <mac>", "the machine to play (default: one that nobody knows)")
    .option("--json", "print the result as JSON")
    .action(async (options: ProbeFlags) => {
      const { probe } = await import("./probe.ts");
      const { interface: name, firmware, mac = null, json = false } = options;
      finish(await probe(program, { interface: name, firmware, mac, json }));
    });
  cli
    .command("demo")
    .description("the whole thing on this machine, with simulated machines; needs no configuration")
    .option("--once", "end after the machines have booted")
    .option("--nodes <count>", "how many machines", count, 3)
    .option("--verbose", "each stage of each machine in a line of its own")
    .action(async (options: { once?: boolean; nodes: number; verbose?: boolean }) => {
      // Loading what it needs takes a moment.
      program.out.write(
        "Starting an orchestrator with a CA of its own, the mirror and the servers, all on loopback …\n",
      );
      const { demo } = await import("./demo.ts");
      const { once = false, nodes, verbose = false } = options;
      finish(await demo(program, { once, nodes, verbose }));
    });
  const nodes = cli.command("nodes").description("the machines that the running server knows");
  addReport(nodes, "list", "all machines: entries, boots, how their firmware is answered").action(
    async (options: ReportFlags) => {
      const { listNodes } = await import("./nodes.ts");
      finish(await listNodes(program, reportOptions(options)));
    },
  );
  addReport(nodes, "show", "one machine")
    .argument("<mac>", "its hardware address")
    .action(async (mac: string, options: ReportFlags) => {
      const { showNode } = await import("./nodes.ts");
      finish(await showNode(program, mac, reportOptions(options)));
    });
  addReport(
    nodes,
    "forget",
    "answer a machine as a newcomer, for example after an update of its firmware",
  )
    .argument("<mac>", "its hardware address")
    .action(async (mac: string, options: ReportFlags) => {
      const { forgetNode } = await import("./nodes.ts");
      finish(await forgetNode(program, mac, reportOptions(options)));
    });
  leasesCommands(cli, program, finish);
  cli
    .command("schema")
    .description("print the configuration's JSON Schema")
    .action(async () => {
      const { schema } = await import("./schema.ts");
      finish(schema(program));
    });
  return cli;
}

/** `eim-pxe leases`, which lists, and its subcommands. */
function leasesCommands(cli: Command, program: Program, finish: (code: number) => void): void {
  const leases = cli.command("leases").description("the addresses that mode full has leased");
  addReport(leases, "list", "leases in force, and how full the pools are", {
    isDefault: true,
  }).action(async (options: ReportFlags) => {
    const { listLeases } = await import("./leases.ts");
    finish(await listLeases(program, reportOptions(options)));
  });
  addReport(leases, "release", "free an address, whoever has it, or end its quarantine")
    .argument("<address>", "the address")
    .action(async (address: string, options: ReportFlags) => {
      const { releaseLease } = await import("./leases.ts");
      finish(await releaseLease(program, address, reportOptions(options)));
    });
  addReport(leases, "import", "take over the leases of another DHCP server")
    .argument("<file>", "its lease file: dhcpd.leases, dnsmasq.leases or kea-leases4.csv")
    .addOption(
      new Option("--format <format>", "what wrote it (default: by its content)").choices([
        "isc",
        "dnsmasq",
        "kea",
      ]),
    )
    .action(async (file: string, options: ReportFlags & { format?: LeaseFormat }) => {
      const { importLeases } = await import("./leases.ts");
      const { format = null } = options;
      finish(await importLeases(program, file, { ...reportOptions(options), format }));
    });
}

function artifactCommands(cli: Command, program: Program, finish: (code: number) => void): void {
  const artifacts = cli.command("artifacts").description("the sets of files that are here");
  const add = (
    name: string,
    description: string,
    run: (
      commands: typeof import("./artifacts.ts"),
      options: ReportOptions,
      argument: string,
    ) => Promise<number>,
    argument: readonly [string, string] | null = null,
  ) => {
    const command = addReport(artifacts, name, description);
    if (argument !== null) command.argument(...argument);
    command.action(async () => {
      const options = reportOptions(command.opts<ReportFlags>());
      const commands = await import("./artifacts.ts");
      finish(await run(commands, options, command.args[0] ?? ""));
    });
  };
  add("list", "all generations, which one is served, and what they hold", (to, options) =>
    to.listArtifacts(program, options),
  );
  add("verify", "read every byte again and compare", (to, options) =>
    to.verifyArtifacts(program, options),
  );
  add("rollback", "serve the generation before this one, until it is unpinned", (to, options) =>
    to.rollBackArtifacts(program, options),
  );
  add(
    "pin",
    "serve this generation whatever comes",
    (to, options, id) => to.pinArtifacts(program, id, options),
    ["<generation>", "its id, or: latest"],
  );
  add(
    "export",
    "write the generation that is served to a folder or tar file",
    (to, options, path) => to.exportArtifacts(program, path, options),
    ["<path>", "a folder, or a file that ends in .tar"],
  );
  add(
    "import",
    "make a generation of a folder or tar file, for sites without a line",
    (to, options, path) => to.importArtifacts(program, path, options),
    ["<path>", "a folder, or a file that ends in .tar"],
  );
}
