import type { Command } from "commander";
import { addReport, type CommandSite, reportOptions, type ReportFlags } from "./common.ts";

/** `nodes`, which lists, and its subcommands. */
export function nodesCommands(cli: Command, { program, finish }: CommandSite): void {
  const nodes = cli.command("nodes").description("the machines that the running server knows");
  addReport(nodes, "list", "all machines: entries, boots, how their firmware is answered", {
    isDefault: true,
  }).action(async (options: ReportFlags) => {
    const { listNodes } = await import("../nodes.ts");
    finish(await listNodes(program, reportOptions(options)));
  });
  addReport(nodes, "show", "one machine")
    .argument("<mac>", "its hardware address")
    .action(async (mac: string, options: ReportFlags) => {
      const { showNode } = await import("../nodes.ts");
      finish(await showNode(program, mac, reportOptions(options)));
    });
  addReport(
    nodes,
    "forget",
    "forget how a machine's firmware is answered, for example after an update of it",
  )
    .argument("<mac>", "its hardware address")
    .action(async (mac: string, options: ReportFlags) => {
      const { forgetNode } = await import("../nodes.ts");
      finish(await forgetNode(program, mac, reportOptions(options)));
    });
}
