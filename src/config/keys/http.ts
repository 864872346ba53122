import { z } from "zod";
import { parseIp4 } from "../../lib/ip4.ts";
import { filePath, hostName, ip4OrSubnet, port } from "../values.ts";

/** `http` and `admin`: the port that machines see, and the port that people see. */

const tlsFiles = z.strictObject({
  certFile: filePath("/etc/eim-pxe/server.crt").meta({
    description:
      "The certificate as PEM file, followed by those that lead to its CA. Read again when it is renewed, with its key.",
  }),
  keyFile: filePath("/etc/eim-pxe/server.key").meta({
    description:
      "Its private key as PEM file, not encrypted. RSA is understood by all firmware, ECDSA not by older iPXE.",
  }),
});

export const http = z
  .strictObject({
    port: port.default(8080).meta({
      description: "The TCP port that machines fetch from: boot content only, read-only.",
    }),
    memoryBytes: z
      .union([z.literal("auto"), z.int().min(0)])
      .default("auto")
      .meta({
        description:
          "How much memory the files of the Micro-OS may take. A file that fits is read once, checked, and sent to all machines from memory; it is forgotten fifteen minutes after the last download. What does not fit is read from disk for each machine, which is slower and just as right. `auto` is half of what is free at the start (of the container, where that has a limit); event `http-limits` says how much that is.",
        since: "0.2.0",
      }),
    maxBytesPerSecond: z.int().min(1024).nullable().default(null).meta({
      description:
        "What all downloads by HTTP together may take of the line (12,500,000 is 100 Mbit/s); machines that download at the same time get equal shares. TFTP is not limited by it.",
      unset: "no limit",
      since: "0.2.0",
    }),
    queue: z.int().min(1).nullable().default(null).meta({
      description:
        "How many machines at once may download kernel and initramfs, first come first served; the others wait. Where the line is what a boot waits for, the first machines are up early and none is later than without the queue. A good value is what fills the line: 16 for 1 Gbit/s, 64 for 10 Gbit/s.",
      unit: "machines",
      unset: "all at once",
      see: "configuration.md#the-queue-for-downloads",
      since: "0.2.0",
    }),
    trustedProxies: z.array(ip4OrSubnet).default([]).meta({
      description:
        "Reverse proxies in front of this port, as addresses or networks: what they say of a machine's address (`X-Forwarded-For`, `Forwarded`) counts, and by what URL it asked (`X-Forwarded-Host` and `-Proto`, `Forwarded`). Nobody else is believed. A proxy must set these headers itself, not pass on what machines wrote; where the two name different machines, neither counts.",
      unset: "nobody is believed",
      since: "0.2.0",
    }),
    tls: tlsFiles
      .extend({
        port: z.int().min(1).max(65535).default(8443).meta({
          description: "The TCP port of HTTPS, with the same content.",
        }),
        offer: z
          .array(z.enum(["uefi-http", "ipxe"]))
          .default([])
          .meta({
            description:
              "Who is told an `https` URL. `uefi-http`: firmware that boots by UEFI HTTP. `ipxe`: every iPXE that says that it was built with HTTPS.",
            unset: "nobody: all are told `http`",
          }),
      })
      .nullable()
      .default(null)
      .meta({
        description:
          "HTTPS for machines, beside plain HTTP. Among the certificate's alternative names (`IP:…`) must be each address that machines ask.",
        unset: "no HTTPS",
        see: "booting.md#boot-by-https",
        since: "0.2.0",
      }),
  })
  .prefault({})
  .meta({ description: "The boot port: HTTP for machines." });

const listenAddress = z
  .string()
  .refine((text) => splitListen(text) !== null, "must be ADDRESS:PORT, such as 127.0.0.1:8081")
  .meta({ examples: ["127.0.0.1:8081"] });

export const admin = z
  .strictObject({
    listen: listenAddress.default("127.0.0.1:8081").meta({
      description:
        "Address and TCP port for people: dashboard, API, metrics, health. Anything but this host itself (127.0.0.1) needs a token.",
      see: "api.md#admin-port",
    }),
    tokenFile: filePath("/etc/eim-pxe/admin-token").nullable().default(null).meta({
      description:
        "A file with the token (password) for the admin port: one word of at least 16 characters, such as `openssl rand -hex 24` makes.",
      unset: "no token: whoever is logged in on this host may do everything",
    }),
    readTokenFile: filePath("/etc/eim-pxe/read-token").nullable().default(null).meta({
      description:
        "A file with a second token that may read and change nothing, for screens on a wall and for monitoring; needs `admin.tokenFile`.",
      since: "0.2.0",
    }),
    tls: tlsFiles.nullable().default(null).meta({
      description:
        "HTTPS for the admin port, which then speaks nothing else: tokens cross the site's network. Renewed files are taken up within ten seconds, without a restart; the commands of this host trust the certificate in `certFile`, whoever issued it.",
      unset: "plain HTTP",
      since: "0.2.0",
    }),
    allowedHosts: z.array(hostName).default([]).meta({
      description:
        "Further names and addresses, without port, under which the admin port may be asked beside the addresses of this host and `localhost`.",
      see: "api.md#who-may-ask-the-admin-port",
      since: "0.2.0",
    }),
  })
  .prefault({})
  .meta({ description: "The admin port: dashboard, API, metrics and health, for people." });

/** `127.0.0.1:8081` → its parts; null when the text is not ADDRESS:PORT. */
export function splitListen(text: string): { host: string; port: number } | null {
  const at = text.lastIndexOf(":");
  const host = parseIp4(text.slice(0, at));
  const number = text.slice(at + 1);
  if (host === null || !/^[0-9]{1,5}$/.test(number) || Number(number) > 65535) return null;
  return { host, port: Number(number) };
}
