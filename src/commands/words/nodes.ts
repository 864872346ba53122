import { type Command, Option } from "commander";
import type { NodeReply } from "../../api/nodes.ts";
import type { Netboot } from "../../boot/node.ts";
import { addReport, type CommandSite, reportOptions, type ReportFlags } from "./common.ts";

/** `nodes`, which lists, and its subcommands. */
export function nodesCommands(cli: Command, { program, finish }: CommandSite): void {
  const nodes = cli.command("nodes").description("the machines that the running server knows");
  addReport(nodes, "list", "all machines: entries, boots, how their firmware is answered", {
    isDefault: true,
  })
    .addOption(
      new Option("--status <status>", "only machines that are so").choices([
        "allowed",
        "denied",
        "waiting",
      ]),
    )
    .action(async (options: ReportFlags & { status?: NodeReply["status"] }) => {
      const { listNodes } = await import("../nodes.ts");
      const { status = null } = options;
      finish(await listNodes(program, { ...reportOptions(options), status }));
    });
  addReport(nodes, "show", "one machine, with the timeline of its last boot")
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

  addReport(nodes, "wake", "switch a machine on by Wake-on-LAN")
    .argument("<mac>", "its hardware address")
    .action(async (mac: string, options: ReportFlags) => {
      const { wakeNode } = await import("../nodes.ts");
      finish(await wakeNode(program, mac, reportOptions(options)));
    });

  for (const [word, what] of decisions) {
    addReport(nodes, word, what)
      .argument("<machine>", "its MAC address, UUID or serial number; * and ? stand for letters")
      .option("--name <name>", "what to call it from now on (option 12 in mode full)")
      .action(async (machine: string, options: ReportFlags & { name?: string }) => {
        const { decideOnNode } = await import("../nodes.ts");
        const { name = null } = options;
        const how = { ...reportOptions(options), name };
        finish(await decideOnNode(program, word, machine, how));
      });
  }
  addReport(nodes, "export", "the machines that were seen, for the orchestrator")
    .option("--csv", "as the file that orch-cli imports, which is the only form so far")
    .option("--output <file>", "into this file (default: standard output)")
    .action(async (options: ReportFlags & { output?: string }) => {
      const { exportNodes } = await import("../nodes.ts");
      const { output = null } = options;
      finish(await exportNodes(program, { ...reportOptions(options), output }));
    });
}

const decisions: readonly (readonly [Netboot, string])[] = [
  ["allow", "let a machine boot from the network, whatever the nodes file says"],
  ["deny", "send a machine on to its disk"],
  ["once", "let a machine boot until it has reached the Micro-OS, then send it on to its disk"],
];
