import { Command } from "commander";
import type { Program } from "./shared/context.ts";
import { artifactsCommands } from "./words/artifacts.ts";
import { explainCommand } from "./words/explain.ts";
import { leasesCommands } from "./words/leases.ts";
import { machineCommands } from "./words/machines.ts";
import { nodesCommands } from "./words/nodes.ts";
import { serverCommands } from "./words/server.ts";
import { siteCommands } from "./words/site.ts";

/** What the commands end with. */
export const exitCodes: readonly string[] = [
  "0 done",
  "1 cannot bind, or a fault",
  "2 bad configuration or arguments",
  "3 synchronisation failed",
  "4 a machine would not or did not boot, or a webhook was not told",
  "5 no server to ask",
];

const moreHelp = `
A first start:
  eim-pxe init                         writes /etc/eim-pxe/eim-pxe.yaml
  eim-pxe doctor && eim-pxe serve      what is still in the way; then serve
  eim-pxe probe --interface eth1       in a second terminal: would a machine boot?

Exit codes: ${exitCodes.join(", ")}. Everything else: README.md and docs/ of the package.`;

/**
 * All commands with their options. Each one loads what it needs when it is run, and no more: `check` starts
 * in half the time of `serve`.
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
    .addHelpText("after", moreHelp)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) });
  const site = { program, finish };
  serverCommands(cli, site);
  siteCommands(cli, site);
  artifactsCommands(cli, site);
  explainCommand(cli, site);
  machineCommands(cli, site);
  nodesCommands(cli, site);
  leasesCommands(cli, site);
  return cli;
}
