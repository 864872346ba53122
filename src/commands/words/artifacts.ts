import type { Command } from "commander";
import type { ReportOptions } from "../shared/context.ts";
import { addReport, type CommandSite, reportOptions, type ReportFlags } from "./common.ts";

/** `artifacts`, which lists, and its subcommands. */
export function artifactsCommands(cli: Command, { program, finish }: CommandSite): void {
  const artifacts = cli
    .command("artifacts")
    .description("the mirrored generations of the Micro-OS");
  const add = (
    name: string,
    description: string,
    run: (
      commands: typeof import("../artifacts.ts"),
      options: ReportOptions,
      argument: string,
    ) => Promise<number>,
    argument: readonly [string, string] | null = null,
  ) => {
    const command = addReport(artifacts, name, description, { isDefault: name === "list" });
    if (argument !== null) command.argument(...argument);
    command.action(async () => {
      const options = reportOptions(command.opts<ReportFlags>());
      const commands = await import("../artifacts.ts");
      finish(await run(commands, options, command.args[0] ?? ""));
    });
  };
  add(
    "list",
    "all generations with their files, which one is served, the loaders, and the asset folder",
    (to, options) => to.listArtifacts(program, options),
  );
  add("verify", "read every file again and compare its SHA-256", (to, options) =>
    to.verifyArtifacts(program, options),
  );
  add(
    "rollback",
    "pin the generation before the current one, so that it is served",
    (to, options) => to.rollBackArtifacts(program, options),
  );
  add(
    "pin",
    "serve this generation until another one is pinned",
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
    "make a generation of a folder or tar file, for sites without a connection to the orchestrator",
    (to, options, path) => to.importArtifacts(program, path, options),
    ["<path>", "a folder, or a file that ends in .tar"],
  );
}
