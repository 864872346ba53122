import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, useSite } from "../boots.ts";
import { debianTools } from "../debian.ts";
import { eventsUrl } from "../eim-pxe.ts";
import { beaconArgument } from "../micro-os.ts";
import { wire } from "../network.ts";
import {
  assetsIn,
  putAsset,
  putGrub,
  putGrubHttp,
  putMicroOs,
  putPxelinux,
} from "../other-loaders.ts";
import { labTools } from "../site.ts";

/*
 * Boot programs besides iPXE, on real firmware. U-Boot's boot is in `test/qemu/u-boot.test.ts`.
 */

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });
const mac = "52:54:00:77:00:01";
const server = wire.serverAddress;
const words = `worker_id=${mac} console=ttyS0`;
const withoutIpxe = [
  "discover",
  "offer",
  "loader-start",
  "loader-done",
  "script",
  "kernel",
  "initramfs-start",
  "initramfs-done",
  "micro-os",
];

describe.skipIf(skipped !== null)(
  `other boot programs${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describe("GRUB by TFTP, without a configuration of the site's own", () => {
      const site = useSite({
        mode: "full",
        loaderNames: { 7: "grub/grubnetx64.efi" },
        extend: async (_network, folder) => {
          await putGrub(folder, "grub/grubnetx64.efi");
          return { settings: { assets: { directory: assetsIn(folder) } } };
        },
      });

      it("boots the mirror's Micro-OS with the same arguments as iPXE", async () => {
        const boot = await bootOne(site(), "uefi");
        expect(boot.commandLine).toContain(`worker_id=${boot.machine.mac}`);
        expect(boot.commandLine).toContain(`${beaconArgument}=${eventsUrl}`);
        expect(boot.stages).toEqual(withoutIpxe);
      });
    });

    describe("GRUB with the site's own configuration", () => {
      const site = useSite({
        mode: "full",
        loaderNames: { 7: "grub/grubnetx64.efi" },
        extend: async (_network, folder) => {
          await putGrub(folder, "grub/grubnetx64.efi");
          await putGrubHttp(folder);
          await putMicroOs(folder, "x86_64");
          const events = `${beaconArgument}=http://${server}/events`;
          const lines = [
            // A module of the asset folder: grub/x86_64-efi/http.mod.
            "insmod http",
            `linux (http,${server})/assets/lab/vmlinuz ${words} ${events}`,
            `initrd (http,${server})/assets/lab/initrd`,
            "boot",
            "",
          ];
          await putAsset(folder, "grub/grub.cfg", lines.join("\n"));
          return {
            settings: { assets: { directory: assetsIn(folder) }, http: { port: 80 } },
          };
        },
      });

      it("boots by HTTP from the asset folder", async () => {
        const boot = await bootOne(site(), "uefi");
        expect(boot.commandLine).toContain(words);
        expect(boot.stages).toEqual(withoutIpxe.filter((stage) => stage !== "script"));
      });
    });

    describe("PXELINUX on a BIOS machine", () => {
      const site = useSite({
        mode: "full",
        nodes: [
          {
            mac,
            pxelinux: [
              "default lab",
              "label lab",
              "  kernel lab/vmlinuz",
              "  initrd lab/initrd",
              `  append ${words} ${beaconArgument}=${eventsUrl}`,
            ].join("\n"),
          },
        ],
        extend: async (_network, folder) => {
          await putPxelinux(folder);
          await putMicroOs(folder, "x86_64");
          // QEMU's card has iPXE in its ROM, which starts PXELINUX as a BIOS's own PXE would.
          const script = [
            "#!ipxe",
            `set 210:string tftp://${server}/`,
            `chain tftp://${server}/pxelinux.0`,
            "",
          ];
          await putAsset(folder, "chain.ipxe", script.join("\n"));
          const settings = {
            assets: { directory: assetsIn(folder) },
            boot: { script: `${assetsIn(folder)}/chain.ipxe`, kernelArgs: [] },
          };
          return { settings };
        },
      });

      it("boots what its entry says, from the asset folder", async () => {
        const boot = await bootOne(site(), "bios");
        expect(boot.commandLine).toContain(words);
        expect(boot.stages).toContain("kernel");
        expect(boot.stages.slice(-3)).toEqual(["initramfs-start", "initramfs-done", "micro-os"]);
      });
    });
  },
);
