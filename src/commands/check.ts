import { idleEntries } from "../artifacts/origin/no-proxy.ts";
import type { Config } from "../config/schema.ts";
import { bootsFromMirror } from "../daemon/settings/boot-settings.ts";
import { waysOut } from "../daemon/content/mirror.ts";
import { type Environment, proxyEnvironment } from "../daemon/settings/environment.ts";
import { withKnownNodes } from "../daemon/nodes/kept-hardware.ts";
import { configurationFile, loadSettings } from "../daemon/settings/settings.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { withConfig } from "../events/own-commands.ts";

/** `eim-pxe check`: validates the configuration and the files that it names, and changes nothing. */
export async function check(program: Program, file: string | null): Promise<number> {
  const { config, inventory } = await withKnownNodes(loadSettings(file, program.environment));
  const read = configurationFile(file);
  const proxies = waysOut(config, proxyEnvironment(program.environment));
  const links = config.interfaces.map((link) => `${link.name} (${link.dhcp.mode})`).join(", ");
  program.out.write(
    `${read === null ? "There is no configuration file; the built-in defaults hold" : `${read} is right`}. ` +
      `Interfaces: ${links || "the only network card (proxy)"}; node entries: ${inventory.entries.length}; ` +
      `orchestrator: ${config.artifacts.origin?.join(", ") ?? "none"}.\n`,
  );
  for (const { url, proxy } of proxies) {
    if (proxy !== null) program.out.write(`${url} is fetched through the proxy ${proxy}.\n`);
  }
  const warnings = [...warningsOf(config), ...proxyWarnings(config, program.environment)];
  for (const warning of warnings) program.err.write(`warning: ${withConfig(warning, file)}\n`);
  return ExitCode.ok;
}

/** What of the environment's proxies does not do what it looks like. */
function proxyWarnings({ artifacts }: Config, environment: Environment): readonly string[] {
  if (artifacts.proxy !== null) return [];
  const { httpProxy, noProxy } = proxyEnvironment(environment);
  const warnings = idleEntries(noProxy ?? "").map(
    ({ entry, instead }) =>
      `NO_PROXY: "${entry}" spares nothing, as with curl. Write ${instead} in its place`,
  );
  const isPlain = (artifacts.origin ?? []).some((url) => url.startsWith("http:"));
  if (isPlain && httpProxy === null && (environment["HTTP_PROXY"] ?? "") !== "") {
    warnings.push(
      "HTTP_PROXY is not used in capitals, as with curl: name the proxy in http_proxy or in artifacts.proxy",
    );
  }
  return warnings;
}

/** What is no fault and keeps machines from booting all the same. */
function warningsOf(config: Config): readonly string[] {
  const warnings: string[] = [];
  if (config.artifacts.origin === null && bootsFromMirror(config)) {
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
  const { unknown, file, format } = config.nodes;
  if (unknown === "deny" && file === null && format !== "kubernetes") {
    warnings.push(
      "nodes.unknown is deny and there is no nodes.file: every machine is refused. Name a nodes.file, or " +
        "set nodes.unknown: allow",
    );
  }
  return warnings;
}
