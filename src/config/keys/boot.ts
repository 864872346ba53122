import { z } from "zod";
import { imageTrustSettings } from "../../boot/script/image-trust.ts";
import { localBootSettings } from "../../boot/local-boot.ts";
import { macForms, unknownPlaceholders, usualMacInUrls } from "../../boot/machine-urls.ts";
import { hook } from "./hook.ts";
import { httpUrl, kernelArgument, loaderPath } from "../values.ts";

/** A script elsewhere, for every machine. */
const scriptUrlOfAll = httpUrl.refine((text) => unknownPlaceholders(text).length === 0, {
  error: ({ input }) =>
    `knows {mac} and {uuid}, not ${unknownPlaceholders(String(input)).join(", ")}`,
});

const macForm = z.enum(macForms);
const macInUrls = z.union([
  macForm.transform((one) => ({ script: one, loader: one })),
  z.strictObject({ script: macForm.default("colon"), loader: macForm.default("colon") }),
]);

/** `boot`: what machines are given to boot. */
export const boot = z
  .strictObject({
    localBoot: z.enum(localBootSettings).default("auto").meta({
      description:
        "How a machine that may not boot from the network is sent on to its own disk. `auto` finds out what its firmware accepts and remembers it. A node's own `localBoot` goes before it.",
      see: "booting.md#who-may-boot",
      since: "0.2.0",
    }),
    path: z.enum(["mirror", "orchestrator"]).default("mirror").meta({
      description:
        "`mirror`: machines fetch script, kernel and initramfs from here. `orchestrator`: x86-64 UEFI machines get the orchestrator's own `signed_ipxe.efi` from here and everything else from the cloud; for Secure Boot with the orchestrator's keys.",
      see: "booting.md#the-orchestrators-own-loader",
    }),
    scriptUrl: scriptUrlOfAll
      .nullable()
      .default(null)
      .meta({
        description:
          "A script elsewhere, for every machine: ours only chains to it, and reports where that fails. `{mac}` and `{uuid}` are replaced by the machine's. A node's own `scriptUrl` goes before it. Without `artifacts.origin` nothing is mirrored then. In SMEE's compatibility DHCP itself names this URL.",
        unset: "our own script",
        examples: ["https://boot.example/{mac}/boot.ipxe"],
        since: "0.2.0",
      }),
    macInUrls: macInUrls.default(usualMacInUrls).meta({
      description:
        "How the MAC is written into the URLs that machines are told: `colon`, `dash`, `dot` (`0800.2729.4e67`), `none` (no delimiter) or `off`; for scripts and loaders apart by `{ script: colon, loader: dash }`. Where it is off, a machine is known by its address. What machines ask for is understood in every form.",
      unset: "`colon`",
      examples: ["dash"],
      since: "0.2.0",
    }),
    loaders: z
      .record(z.string().regex(/^(0|[1-9][0-9]{0,4})$/, "must be an option-93 number"), loaderPath)
      .default({})
      .meta({
        description:
          "Another loader (the program that firmware starts first) for a kind of machine, by the number that the machine announces in DHCP option 93. One of the asset folder may be in a sub-folder: `grub/x86_64-efi/core.efi`.",
        unset: "the table of loaders",
        see: "loaders.md",
        examples: [{ 7: "snponly.efi" }],
      }),
    secureBoot: z.enum(["auto", "off"]).default("auto").meta({
      description:
        "`auto`: a UEFI machine that fetched its loader twice and did not start it is given a signed one, where there is one among the loaders, and the one that starts is remembered for that machine. `off`: a signed loader is given only where `loaders` or the machine's entry names it.",
      see: "secure-boot.md",
      since: "0.2.0",
    }),
    imgverify: z.enum(imageTrustSettings).default("auto").meta({
      description:
        "Whether iPXE is to check kernel and initramfs by the signatures of `eim-pxe artifacts sign`. `auto`: where the generation has any; iPXE that lacks the command goes on, and its boot shows that nothing was checked. `required`: nothing starts that was not checked, also where there are no signatures yet; holds for `script: mirror`. `off`: nobody is asked to.",
      see: "secure-boot.md#ipxe-that-checks-signatures-itself",
      since: "0.2.0",
    }),
    userClasses: z
      .array(z.string().min(1).max(255))
      .default(["iPXE", "Tinkerbell"])
      .meta({
        description:
          "What iPXE calls itself in DHCP option 77: who says one of these gets the boot script instead of the loader. Add the name of a build of your own.",
        examples: [["iPXE", "Tinkerbell"]],
      }),
    vendorClasses: z
      .array(z.string().min(1).max(255))
      .default([])
      .meta({
        description:
          "How DHCP option 60 begins for machines that are served as PXE clients besides those that say `PXEClient`. Name a loader for their option 93 under `boot.loaders`; replies carry the same beginning as option 60.",
        examples: [["U-Boot"]],
        since: "0.2.0",
      }),
    script: z
      .string()
      .min(1)
      .default("mirror")
      .meta({
        description:
          "`mirror`: the orchestrator's `boot.ipxe`, with this site's addresses in it. `hook`: one that starts Tinkerbell's HookOS, as SMEE's does. Otherwise the path of an iPXE script of your own.",
        see: "booting.md#a-script-of-your-own",
        examples: ["mirror", "hook", "/etc/eim-pxe/boot.ipxe"],
      }),
    hook,
    loaderPatch: z
      .string()
      .refine((text) => new TextEncoder().encode(text).length <= 131, {
        error: "must have at most 131 bytes, which is the room in SMEE's builds of iPXE",
      })
      .nullable()
      .default(null)
      .meta({
        description:
          "Up to 131 bytes of iPXE script that are written into SMEE's builds of iPXE, which have a place for them; other loaders stay as they are.",
        since: "0.2.0",
      }),
    kernelArgs: z.array(kernelArgument).default([]).meta({
      description: "Words that are appended to the kernel's command line of every machine.",
    }),
  })
  .prefault({})
  .meta({ description: "What machines are given to boot." });
