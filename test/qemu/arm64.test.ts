import { describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { bootOne, bootUntil, poolAddress, useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { wire } from "./network.ts";
import { arm64Tools } from "./qemu-command.ts";
import { labTools, siteNeeds } from "./site.ts";

const tools = [...labTools, ...debianTools, ...arm64Tools];
const skipped = reasonToSkip({ root: true, tools });

describe.skipIf(skipped !== null)(`arm64${skipped === null ? "" : ` (${skipped})`}`, () => {
  describe("in mode proxy", () => {
    const site = useSite({ mode: "proxy", ...siteNeeds("uefi-arm64") });

    it("boots a UEFI machine into the Micro-OS by the loader that boot.loaders names", async () => {
      const boot = await bootOne(site(), "uefi-arm64");
      expect(boot.commandLine).toMatch(boot.expectedArguments);
      expect(boot.stages).toEqual(stages);
      expect(boot.address).toMatch(poolAddress(wire));
    });
  });

  describe("in mode full", () => {
    const site = useSite({ mode: "full", ...siteNeeds("u-boot") });

    // That is as far as these two go: iPXE 1.21.1 under U-Boot 2023.01 stops at its banner.
    it("gives U-Boot its loader, which starts", async () => {
      await bootUntil(site(), "u-boot", /^iPXE 1\./);
      // This U-Boot takes the first byte of a virtio card's address for all six, so any machine's.
      const done = await site().server.waitForEvent("loader-done", null, 5_000);
      expect(done.fields).toMatchObject({ file: "ipxe-arm64.efi", protocol: "tftp" });
    });
  });
});
