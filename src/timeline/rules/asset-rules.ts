import type { Boot } from "../boot.ts";
import type { BootRule } from "./diagnosis.ts";
import { isLastWord, stepOf, textOf } from "./evidence.ts";

/*
 * What a machine boots by files of the site's own: it fetches what it wants, in an order that nobody here knows.
 */

export const assetRules: readonly BootRule[] = [
  {
    code: "asset-boot-silent",
    cause:
      "everything that the machine asked for of the asset folder was fetched, {file} last, and nothing was heard of it since",
    remedy:
      "look at the machine's screen or serial console: what it fetched runs, or waits for something; where it looks for a file that is not there, put that into the asset folder (assets.directory)",
    who: "site",
    certainty: "inferred",
    onScreen: {},
    when: ({ boot }) => {
      const file = lastAssetOf(boot);
      return file === null ? null : { file };
    },
  },
];

/** The file of the asset folder with which a boot came to stand still; null: it goes on, or boots by other means. */
export function lastAssetOf(boot: Boot): string | null {
  if (boot.stage === "micro-os") return null;
  const { asset, kernelDoneAtMs } = boot.seen;
  if (isLastWord(boot, asset)) return asset.file;
  const step = stepOf(boot, boot.stage);
  const isOver =
    boot.stage === "initramfs-done" || (boot.stage === "kernel" && kernelDoneAtMs !== null);
  const fetched = boot.stage === "initramfs-done" ? stepOf(boot, "initramfs-start") : step;
  return isOver && fetched?.detail["generation"] === null ? textOf(fetched, "file") : null;
}
