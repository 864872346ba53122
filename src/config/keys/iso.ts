import { z } from "zod";
import { USUAL_PLACEHOLDER } from "../../boot/script/iso-arguments.ts";

/** `iso`: images for BMCs that boot from a URL. */

const since = "0.2.0";
const PLACEHOLDER_RULE = "must be 16 to 4096 letters of printable ASCII in one line";

export const iso = z
  .strictObject({
    source: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description:
          "The image: a file of this host, or the http:// or https:// URL of a server that answers ranges. A node's own `isoUrl` goes before it.",
        unset: "only machines whose entry names one get an image",
        examples: ["/var/lib/eim-pxe/hook.iso", "https://files.example/hook.iso"],
        since,
      }),
    placeholder: z
      .string()
      .min(16, PLACEHOLDER_RULE)
      .max(4096, PLACEHOLDER_RULE)
      .regex(/^[ -~]*$/, PLACEHOLDER_RULE)
      .default(USUAL_PLACEHOLDER)
      .meta({
        description:
          "The text in the image in whose place the machine's kernel arguments are written, each time that it occurs; what is left of it becomes blanks.",
        unset: "the 1024 letters that are in HookOS's images",
        examples: ["EIM-PXE-KERNEL-ARGUMENTS".padEnd(64, "-")],
        since,
      }),
    staticAddresses: z.boolean().default(false).meta({
      description:
        "Whether the machine's address, as its entry has it, is among the arguments (`ipam=`), so that HookOS need not ask by DHCP.",
      since,
    }),
  })
  .nullable()
  .default(null)
  .meta({
    description:
      "ISO images at `/iso/<mac>/<name>.iso` of the boot port, with each machine's kernel arguments in them, for BMCs that boot from a URL (virtual media).",
    unset: "none are served",
    see: "booting.md#iso-images-for-bmcs",
    since,
  });
