import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../support/tools.ts";
import { useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { eventsUrl } from "./eim-pxe.ts";
import { beaconArgument } from "./micro-os.ts";
import { assetsIn, putAsset, putMicroOs, uBootScript } from "./other-loaders.ts";
import { arm64Tools } from "./qemu-command.ts";
import { labTools, siteNeeds } from "./site.ts";

const tools = [...labTools, ...debianTools, ...arm64Tools];
const skipped = reasonToSkip({ root: true, tools });
const words = "worker_id=52:54:00:77:00:01 console=ttyAMA0";

describe.skipIf(skipped !== null)(`U-Boot${skipped === null ? "" : ` (${skipped})`}`, () => {
  const site = useSite({
    mode: "full",
    ...siteNeeds("u-boot"),
    loaderNames: { 22: "boot.scr.uimg" },
    extend: async (_network, folder) => {
      await putMicroOs(folder, "arm64");
      const script =
        "tftpboot ${pxefile_addr_r} extlinux/extlinux.conf\npxe boot ${pxefile_addr_r}\n";
      await putAsset(folder, "boot.scr.uimg", uBootScript(script));
      const lines = [
        "default lab",
        "label lab",
        "  kernel /lab/vmlinuz",
        "  initrd /lab/initrd",
        `  append ${words} ${beaconArgument}=${eventsUrl}`,
        "",
      ];
      await putAsset(folder, "extlinux/extlinux.conf", lines.join("\n"));
      const assets = { directory: assetsIn(folder) };
      return {
        settings: { assets, boot: { vendorClasses: ["U-Boot"], loaders: { 22: "boot.scr.uimg" } } },
      };
    },
  });

  it("boots a kernel by extlinux from the asset folder", async () => {
    const { commandLine } = await site().boot(site().newMachine("u-boot"));
    expect(commandLine).toContain(words);
    // This U-Boot takes the first byte of a virtio card's address for all six, so any machine's.
    const kernel = await site().server.waitForEvent("kernel-done", null, 5_000);
    expect(kernel.fields).toMatchObject({ file: "lab/vmlinuz" });
  });
});
