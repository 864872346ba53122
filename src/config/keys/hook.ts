import { z } from "zod";
import { httpUrl } from "../values.ts";

/** `boot.hook`: what Tinkerbell's HookOS is told, which runs on machines with `boot.script: hook`. */

const since = "0.2.0";

const fileName = z.string().regex(/^[A-Za-z0-9_][\w.-]{0,126}$/, "must be a file name");

/** A name or an address, with a port or without, or the port alone. */
const authority = z
  .string()
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)?(:[0-9]{1,5})?$/,
    "must be HOST:PORT, HOST or :PORT",
  )
  .refine(
    (text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 1) <= 65_535,
    "must have a port up to 65535",
  );

export const hook = z
  .strictObject({
    url: httpUrl
      .transform((text) => text.replace(/\/+$/, ""))
      .nullable()
      .default(null)
      .meta({
        description:
          "The folder from which machines fetch HookOS: its kernel and its initramfs. A node's own `hook.url` goes before it.",
        unset: "our mirror, `/artifacts/`",
        examples: ["http://192.168.77.5:7173"],
        since,
      }),
    kernel: fileName.default("vmlinuz").meta({
      description: "What the kernel's name begins with; `-` and the architecture follow.",
      examples: ["vmlinuz-latest-lts"],
      since,
    }),
    initrd: fileName.default("initramfs").meta({
      description: "The same for the initramfs.",
      examples: ["initramfs-latest-lts"],
      since,
    }),
    tinkServer: authority
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description: "The Tink server that workers ask for their workflows, as `HOST:PORT`.",
        unset: "this host's address and port 42113",
        examples: ["192.168.77.5:42113"],
        since,
      }),
    tls: z.boolean().default(false).meta({
      description: "Whether the Tink server is asked by TLS.",
      since,
    }),
    insecureTls: z.boolean().default(false).meta({
      description: "Whether the Tink server's certificate is taken whoever signed it.",
      since,
    }),
    syslogHost: z
      .string()
      .regex(
        /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/,
        "must be a host name or an address",
      )
      .nullable()
      .default(null)
      .meta({
        description: "The host that gets HookOS's log lines, by syslog.",
        unset: "this host's address",
        examples: ["192.168.77.5"],
        since,
      }),
    retries: z.int().min(0).max(1000).nullable().default(null).meta({
      description: "How often a machine tries each step again that failed.",
      unset: "1; 0 with `dhcp.compatibility: smee-standalone`",
      unit: "times",
      since,
    }),
    retryDelaySeconds: z.int().min(0).max(3600).nullable().default(null).meta({
      description: "How long it waits before each of these.",
      unset: "1; 2 with `dhcp.compatibility: smee-standalone`",
      unit: "seconds",
      since,
    }),
  })
  .prefault({})
  .meta({
    description: "What Tinkerbell's HookOS is told, with `script: hook`.",
    since,
    see: "booting.md#tinkerbells-hookos",
  });
