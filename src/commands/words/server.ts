import type { Command } from "commander";
import {
  addConfigured,
  addReport,
  type CommandSite,
  reportOptions,
  type ReportFlags,
} from "./common.ts";

/** `serve`, and what goes with it: `check`, `sync`, `schema`. */
export function serverCommands(cli: Command, { program, finish }: CommandSite): void {
  addConfigured(cli, "serve", "serve DHCP, TFTP and HTTP until a signal ends it").action(
    async (options: { config?: string }) => {
      const { serve } = await import("../serve.ts");
      finish(await serve(program, options.config ?? null));
    },
  );
  addConfigured(
    cli,
    "check",
    "validate the configuration; problems as FILE:LINE:COLUMN: message",
  ).action(async (options: { config?: string }) => {
    const { check } = await import("../check.ts");
    finish(await check(program, options.config ?? null));
  });
  addReport(cli, "sync", "bring the mirror up to date once").action(
    async (options: ReportFlags) => {
      const { sync } = await import("../sync.ts");
      finish(await sync(program, reportOptions(options)));
    },
  );
  cli
    .command("schema")
    .description("print the configuration's JSON Schema")
    .action(async () => {
      const { schema } = await import("../schema.ts");
      finish(schema(program));
    });
}
