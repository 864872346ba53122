import { loadSettings } from "../daemon/settings/settings.ts";
import { ExitCode, type Program } from "./shared/context.ts";

/** `eim-pxe check`: validates the configuration and the files that it names, and changes nothing. */
export function check(program: Program, file: string | null): number {
  const { config, inventory } = loadSettings(file, program.environment);
  const links = config.interfaces.map((link) => `${link.name} (${link.dhcp.mode})`).join(", ");
  program.out.write(
    `The configuration is right. Interfaces: ${links || "the only usable one (proxy)"}; node entries: ${inventory.entries.length}; orchestrator: ${config.artifacts.origin?.join(", ") ?? "none"}.\n`,
  );
  return ExitCode.ok;
}
