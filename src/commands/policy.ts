import type { BootPolicy } from "../boot/policy.ts";
import type { Config } from "../config/schema.ts";

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
