import type { Config } from "../config/schema.ts";
import { configurationFile, loadSettings } from "../daemon/settings/settings.ts";
import { ExitCode, type Program } from "./shared/context.ts";

/** `eim-pxe check`: validates the configuration and the files that it names, and changes nothing. */
export function check(program: Program, file: string | null): number {
  const { config, inventory } = loadSettings(file, program.environment);
  const read = configurationFile(file);
  const links = config.interfaces.map((link) => `${link.name} (${link.dhcp.mode})`).join(", ");
  program.out.write(
    `${read === null ? "There is no configuration file; the built-in defaults hold" : `${read} is right`}. ` +
      `Interfaces: ${links || "the only network card (proxy)"}; node entries: ${inventory.entries.length}; ` +
      `orchestrator: ${config.artifacts.origin?.join(", ") ?? "none"}.\n`,
  );
  for (const warning of warningsOf(config)) program.err.write(`warning: ${warning}\n`);
  return ExitCode.ok;
}

/** What is no fault and keeps machines from booting all the same. */
function warningsOf(config: Config): readonly string[] {
  const warnings: string[] = [];
  if (config.artifacts.origin === null && config.boot.script === "mirror") {
    warnings.push(
      "artifacts.origin is not set: no machine can boot until a set of files is brought here with " +
        "eim-pxe artifacts import PATH. Set it to the orchestrator's URL that ends in /tink-stack",
    );
  }
  if (config.interfaces.length > 0 && config.interfaces.every(({ dhcp }) => dhcp.mode === "off")) {
    warnings.push(
      "dhcp.mode is off on every interface: machines get no boot information unless the site's own DHCP " +
        "server sends it. Set dhcp.mode: proxy to have it sent from here",
    );
  }
  if (config.nodes.unknown === "deny" && config.nodes.file === null) {
    warnings.push(
      "nodes.unknown is deny and there is no nodes.file: every machine is refused. Name a nodes.file, or " +
        "set nodes.unknown: allow",
    );
  }
  return warnings;
}
