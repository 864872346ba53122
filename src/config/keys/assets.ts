import { z } from "zod";

/** `assets`: a folder of the site's own. */
export const assets = z
  .strictObject({
    directory: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description:
          "A folder of the site's own, with sub-folders: what is in it is handed out to whoever asks. For U-Boot, PXELINUX and GRUB trees, Raspberry Pi, network switches, other operating systems. A machine may have a sub-folder of its own, named by its MAC, UUID or serial number.",
        unset: "there is none",
        see: "assets.md",
        examples: ["/srv/eim-pxe/assets"],
        since: "0.2.0",
      }),
    tftp: z.boolean().default(true).meta({
      description: "Whether TFTP serves it, by the names that the files have in the folder.",
      since: "0.2.0",
    }),
    http: z.boolean().default(true).meta({
      description: "Whether HTTP serves it, at `/assets/` of the boot port.",
      since: "0.2.0",
    }),
  })
  .prefault({})
  .meta({ description: "A folder of the site's own, for machines to fetch from.", since: "0.2.0" });
