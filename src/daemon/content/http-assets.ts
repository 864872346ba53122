import { dirname } from "node:path";
import type { Config } from "../../config/schema.ts";
import type { ServedAssets } from "../../http/boot/content.ts";
import { type BootConfigParts, BootConfigs } from "./boot-configs.ts";
import { findPiFile } from "./raspberry-pi.ts";

/** What HTTP serves at `/assets/`: as TFTP at its root, without loaders; null: nothing. */
export function httpAssets(
  config: Config,
  parts: Omit<BootConfigParts, "config">,
): ServedAssets | null {
  const { assets } = parts;
  if (assets === null || !config.assets.http) return null;
  const configs = new BootConfigs({ ...parts, config });
  return {
    find: async (name, machine) => {
      const made = await configs.find(name, machine);
      if (made !== null) return made;
      const found =
        (await assets.find(name, machine)) ??
        (await findPiFile(name, machine, { ...parts, config }));
      if (found !== null) return found;
      // A boot program that came from a folder looks for the mirror's files below that.
      const mirrored = configs.artifact(name, machine);
      return mirrored === null
        ? null
        : { kind: "file", folder: dirname(mirrored.path), ...mirrored };
    },
  };
}
