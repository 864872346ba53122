import type { BootPolicy } from "../boot/policy.ts";
import type { Config } from "../config/schema.ts";
import type { SmeeSettings } from "../dhcp/smee.ts";

/** The boot policy that a configuration says. */
export function policyOf(config: Config): BootPolicy {
  const loaders = Object.entries(config.boot.loaders).map(
    ([code, name]) => [Number(code), name] as const,
  );
  return {
    loaders: new Map(loaders),
    userClasses: config.boot.userClasses,
    unknownNodes: config.nodes.unknown,
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
  return { flavour: compatibility, ...running, loaders, unknownNodes };
}
