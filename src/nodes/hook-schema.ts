import { z } from "zod";
import { httpUrl } from "../config/values.ts";

const noSpaces = z.string().regex(/^[!-~]+$/, "must be one word of printable ASCII");
const nameOrUrl = z
  .string()
  .refine((text) => httpUrl.safeParse(text).success || /^[\w.-][\w./-]*$/.test(text), {
    error: "must be the name of a file, or an http:// or https:// URL",
  });

/** `hook` of an entry: what Tinkerbell's HookOS is told of its machine. */
export const nodeHook = z.strictObject({
  url: httpUrl
    .transform((text) => text.replace(/\/+$/, ""))
    .nullable()
    .default(null)
    .meta({
      description: "The folder from which this machine fetches HookOS's kernel and initramfs.",
      unset: "`boot.hook.url`",
      since: "0.2.0",
    }),
  kernel: nameOrUrl
    .nullable()
    .default(null)
    .meta({
      description: "The kernel: its name in that folder, or a URL.",
      unset: "`boot.hook.kernel` with the architecture",
      examples: ["vmlinuz-latest-lts-x86_64"],
      since: "0.2.0",
    }),
  initrd: nameOrUrl
    .nullable()
    .default(null)
    .meta({
      description: "The initramfs: its name in that folder, or a URL.",
      unset: "`boot.hook.initrd` with the architecture",
      examples: ["initramfs-latest-lts-x86_64"],
      since: "0.2.0",
    }),
  arch: noSpaces
    .nullable()
    .default(null)
    .meta({
      description: "The machine's architecture, as it is in the names of the files.",
      unset: "what iPXE was built for: `x86_64` or `aarch64`",
      examples: ["x86_64"],
      since: "0.2.0",
    }),
  facility: z
    .string()
    .regex(/^[ -~]*$/, "must be printable ASCII in one line")
    .nullable()
    .default(null)
    .meta({
      description: "`facility=` of the kernel line; further words may follow it.",
      unset: "empty",
      examples: ["onprem"],
      since: "0.2.0",
    }),
  vlanId: noSpaces
    .nullable()
    .default(null)
    .meta({
      description: "`vlan_id=` of the kernel line.",
      unset: "the kernel line has none",
      examples: ["30"],
      since: "0.2.0",
    }),
  workerId: noSpaces
    .nullable()
    .default(null)
    .meta({
      description: "`worker_id=` of the kernel line: by what the Tink server knows the machine.",
      unset: "its MAC address",
      examples: ["08:00:27:29:4e:67"],
      since: "0.2.0",
    }),
});
