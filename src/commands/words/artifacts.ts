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
  const sign = addReport(
    artifacts,
    "sign",
    "write signatures beside the files of the generation that is served, for iPXE's imgverify",
  )
    .requiredOption("--key <file>", "the site's code-signing key (RSA, PEM)")
    .requiredOption("--cert <file>", "its certificate, with those up to what iPXE trusts (PEM)")
    .option("--new", "make key and certificate first; neither file may be there");
  sign.action(async () => {
    const flags = sign.opts<ReportFlags & { key: string; cert: string; new?: boolean }>();
    const { signArtifacts } = await import("../artifacts-sign.ts");
    const { key, cert, new: makeNew = false } = flags;
    finish(await signArtifacts(program, { ...reportOptions(flags), key, cert, makeNew }));
  });
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
