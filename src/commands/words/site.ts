import { resolve } from "node:path";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { commandTree } from "../shared/command-tree.ts";
import { type Shell, shells } from "../shared/completion-scripts.ts";
import { addReport, type CommandSite, type ReportFlags, reportOptions } from "./common.ts";

interface InitFlags {
  readonly interface?: string;
  readonly mode?: "proxy" | "full";
  readonly pool?: string;
  readonly origin?: string;
  readonly caFile?: string;
  readonly caUrl?: string;
  readonly caSha256?: string;
  readonly output?: string;
  readonly systemd?: string | true;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** What sets a site up and looks after it: `init`, `doctor`, `import`, `notify`, `completion`. */
export function siteCommands(cli: Command, { program, finish }: CommandSite): void {
  cli
    .command("init")
    .description(
      "look at this site, ask the few real questions, and write a commented configuration; says what comes next",
    )
    .option("--interface <name>", "the interface on the machines' link")
    .addOption(
      new Option(
        "--mode <mode>",
        "proxy: beside the site's DHCP server; full: as it (default: by what answers on the link)",
      ).choices(["proxy", "full"]),
    )
    .option("--pool <first-last>", "mode full: the addresses to give out")
    .option("--origin <url>", "the orchestrator's URL that ends in /tink-stack, or its domain")
    .addOption(
      new Option("--ca-file <file>", "the CA of its certificate, in PEM form").conflicts("caUrl"),
    )
    .option("--ca-url <url>", "where its CA is fetched from (default: from the origin itself)")
    .option("--ca-sha256 <hex>", "the fingerprint that the CA must have", fingerprint)
    .option("-o, --output <file>", "the file to write (default: /etc/eim-pxe/eim-pxe.yaml)")
    .option("--systemd [folder]", "also write and verify the units (default: /etc/systemd/system)")
    .option("--yes", "ask nothing and take what is proposed")
    .option("--force", "replace files that are there")
    .action(async (flags: InitFlags) => {
      const { init } = await import("../init.ts");
      const { caFile: file = null, caUrl: url = null, caSha256: sha256 = null } = flags;
      const { systemd = null, yes = false, force = false } = flags;
      finish(
        await init(program, {
          interface: flags.interface ?? null,
          mode: flags.mode ?? null,
          pool: flags.pool ?? null,
          origin: flags.origin ?? null,
          ca: { file: file === null ? null : resolve(file), url, sha256 },
          output: flags.output ?? null,
          systemd: systemd === true ? "/etc/systemd/system" : systemd,
          yes,
          force,
        }),
      );
    });
  addReport(
    cli,
    "doctor",
    "what keeps machines from booting: this host, its links, the orchestrator; with --interface alone, what " +
      "the PXE servers of that link would do for four kinds of firmware",
  )
    .option("--interface <name>", "look at this interface only")
    .action(async (options: ReportFlags & { interface?: string }) => {
      const { doctor } = await import("../doctor.ts");
      const { config = null, interface: name = null, json = false } = options;
      finish(await doctor(program, { config, interface: name, json }));
    });
  cli
    .command("import")
    .description("another program's settings as a configuration, on standard output")
    .command("smee")
    .description(
      "SMEE's flags, environment or Helm values, of both its lines; what has no counterpart stands in comments",
    )
    .addOption(
      new Option("--env <file>", "its environment, NAME=value lines (default: this one)").conflicts(
        "values",
      ),
    )
    .option("--values <file>", "the values of its Helm chart: tinkerbell, stack or smee")
    .argument("[flags...]", "its command line, behind --")
    .action(async (flags: string[], options: { env?: string; values?: string }) => {
      const { importFromSmee } = await import("../import-smee.ts");
      const { env = null, values = null } = options;
      finish(importFromSmee(program, { env, values, flags }));
    });
  const notify = cli.command("notify").description("what other programs are told of events");
  addReport(
    notify,
    "test",
    "tell each webhook of the configuration of a made-up event, once; ends with 4 where one did not take it",
  ).action(async (options: ReportFlags) => {
    const { notifyTest } = await import("../notify-test.ts");
    finish(await notifyTest(program, reportOptions(options)));
  });
  cli
    .command("completion")
    .description("a script by which a shell completes this command line")
    .addArgument(new Argument("<shell>", "where it is to be used").choices(shells))
    .action(async (shell: Shell) => {
      const { completion } = await import("../completion.ts");
      finish(completion(program, shell, commandTree(cli)));
    });
}

/** As the configuration has it: 64 hex digits, with colons or without. */
function fingerprint(text: string): string {
  const plain = text.replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(plain)) return plain;
  throw new InvalidArgumentError("It must be a SHA-256 in 64 hex digits.");
}
