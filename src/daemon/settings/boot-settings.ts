import type { BootPolicy } from "../../boot/policy.ts";
import { USUAL_SYSLOG_PORT } from "../../boot/script/syslog.ts";
import { flavourOf } from "../../boot/smee-layout.ts";
import type { HookSettings } from "../../boot/script/hook-script.ts";
import { type Config, ORCHESTRATOR_LOADER, splitTftpServer } from "../../config/schema.ts";
import type { SmeeSettings } from "../../dhcp/handlers/smee.ts";
import type { RemoteImages, ServedIso } from "../../http/boot/content.ts";
import type { BootScript } from "../../http/boot/context.ts";

/** The orchestrator makes one loader, for x86-64 UEFI (option 93: 7, 9 and, by HTTP, 16). */
const orchestratorLoaders = [7, 9, 16].map((code) => [code, ORCHESTRATOR_LOADER] as const);

/** Whether machines fetch kernel and initramfs from here. */
export function servesMicroOs(config: Config): boolean {
  const { boot, artifacts } = config;
  if (boot.path === "orchestrator") return false;
  return (bootsFromMirror(config) && boot.scriptUrl === null) || artifacts.origin !== null;
}

/** Whether the site's own script has machines fetch them from the mirror. */
export function bootsFromMirror({ boot: { script, hook } }: Pick<Config, "boot">): boolean {
  return script === "mirror" || (script === "hook" && hook.url === null);
}

/** What a machine in which iPXE runs is given. */
export function scriptOf({ boot, artifacts, dhcp }: Config): BootScript {
  if (boot.path === "orchestrator") return { kind: "loader", name: ORCHESTRATOR_LOADER };
  if (boot.scriptUrl !== null) return { kind: "elsewhere", url: boot.scriptUrl };
  if (boot.script === "mirror") return { kind: "mirror" };
  if (boot.script === "hook") return { kind: "hook", settings: hookOf({ boot, dhcp }) };
  return { kind: "template", path: boot.script, needsMicroOs: artifacts.origin !== null };
}

/** Whether machines whose firmware does not start their loader are given a signed one. The orchestrator's own is the only one for its path. */
export function givesSigned({ boot }: Config): boolean {
  return boot.secureBoot === "auto" && boot.path === "mirror";
}

/** Whether machines are told to send us their logs: neither iPXE nor DHCP option 7 can name another port than the usual one. */
export function takesUsualSyslog({ syslog }: Config): boolean {
  return syslog.port === USUAL_SYSLOG_PORT;
}

/** `boot.hook` in the words of the line of SMEE whose answers machines get. */
export function hookOf({ boot: { hook }, dhcp }: Pick<Config, "boot" | "dhcp">): HookSettings {
  const flavour = dhcp.compatibility === "standard" ? "smee" : flavourOf(dhcp.compatibility);
  const isStandalone = flavour === "smee-standalone";
  return {
    ...hook,
    flavour,
    retries: hook.retries ?? (isStandalone ? 0 : 1),
    retryDelaySeconds: hook.retryDelaySeconds ?? (isStandalone ? 2 : 1),
  };
}

/** Images for BMCs, or null when there are none. */
export function isoOf(config: Config, remote: RemoteImages): ServedIso | null {
  return config.iso === null ? null : { ...config.iso, hook: hookOf(config), remote };
}

/** The boot policy that a configuration says. */
export function policyOf(config: Config): BootPolicy {
  const loaders = Object.entries(config.boot.loaders).map(
    ([code, name]) => [Number(code), name] as const,
  );
  const orchestrator = config.boot.path === "orchestrator";
  const { tls } = config.http;
  return {
    loaders: new Map([...(orchestrator ? orchestratorLoaders : []), ...loaders]),
    onlyNamedLoaders: orchestrator,
    userClasses: config.boot.userClasses,
    macInUrls: config.boot.macInUrls,
    unknownNodes: config.nodes.unknown,
    https: tls === null ? null : { port: tls.port, to: tls.offer },
  };
}

/** How to answer as SMEE does, or null when the configuration does not want that. */
export function smeeOf(
  config: Config,
  running: Pick<SmeeSettings, "tftpPort" | "httpPort" | "trace">,
): SmeeSettings | null {
  const { compatibility } = config.dhcp;
  if (compatibility === "standard") return null;
  const { loaders, unknownNodes } = policyOf(config);
  const { macInUrls, scriptUrl } = config.boot;
  const { advertise } = config.tftp;
  const elsewhere = advertise === null ? null : (splitTftpServer(advertise)?.port ?? 69);
  return {
    flavour: flavourOf(compatibility),
    dnsDefaults: compatibility === "smee-2026-10",
    ...running,
    tftpPort: elsewhere ?? running.tftpPort,
    macInUrls,
    scriptUrl,
    loaders,
    unknownNodes,
  };
}
