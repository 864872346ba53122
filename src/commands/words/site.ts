import type { Command } from "commander";
import { addReport, type CommandSite, type ReportFlags } from "./common.ts";

/** What sets a site up and looks after it: `doctor`. */
export function siteCommands(cli: Command, { program, finish }: CommandSite): void {
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
}
