import { z } from "zod";
import { filePath, httpUrl, loaderName, openUrl, originUrl } from "../values.ts";

/** `artifacts`: the mirror of the orchestrator's files. */

const sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, "must be a SHA-256 in 64 hex digits")
  .transform((text) => text.toLowerCase());

/** As `sha256sum` prints it, or with colons as `openssl x509 -fingerprint -sha256` does. */
const fingerprint = z
  .string()
  .transform((text) => text.replaceAll(":", ""))
  .pipe(sha256);

const artifactName = z
  .string()
  .regex(/^(keys\/)?[A-Za-z0-9_][A-Za-z0-9._-]*$/, "must be the name of a file under the origin")
  .max(200)
  .refine((name) => name !== "manifest.json", "is a name that the mirror needs for itself");

const originText = z
  .string()
  .meta({ examples: ["https://tinkerbell-haproxy.example.com/tink-stack"] });

/** One URL or a list of them, asked in this order. */
const origins = z.union([
  originText.pipe(originUrl).transform((one) => [one]),
  z.array(originText.pipe(originUrl)).min(1),
]);

export const artifacts = z
  .strictObject({
    origin: origins.nullable().default(null).meta({
      description:
        "The orchestrator's URL that the Micro-OS is fetched from, or a list of URLs that are asked in this order. Another eim-pxe's is `http://ADDRESS:8080/artifacts`.",
      unset: "nothing is fetched",
      see: "mirror.md",
    }),
    ca: z
      .strictObject({
        file: filePath("/etc/eim-pxe/orchestrator-ca.pem").nullable().default(null).meta({
          description:
            "The certificate (PEM) of the CA that the orchestrator's own is checked against; with it, nothing else is trusted.",
          unset: "the CAs that this system trusts",
        }),
        url: openUrl
          .nullable()
          .default(null)
          .meta({
            description: "Where that CA is fetched from instead of a file.",
            see: "mirror.md#trust",
            examples: ["https://cluster.example.com/boots/ca.crt"],
            since: "0.2.0",
          }),
        sha256: fingerprint.nullable().default(null).meta({
          description:
            "The SHA-256 fingerprint that is expected of what `artifacts.ca.url` brings: the certificate's, or the file's. In 64 hex digits, with or without colons.",
          unset: "what comes first is trusted from then on",
          since: "0.2.0",
        }),
      })
      .prefault({})
      .meta({ description: "How the orchestrator is told from others." }),
    proxy: httpUrl
      .nullable()
      .default(null)
      .meta({
        description: "The HTTP proxy on the way to the orchestrator.",
        unset: "what `HTTPS_PROXY` and `NO_PROXY` in the environment say",
        examples: ["http://proxy.site.example:3128"],
      }),
    maxBytesPerSecond: z.int().min(1024).nullable().default(null).meta({
      description: "What all downloads from the orchestrator together may take of the line.",
      unset: "no limit",
      since: "0.2.0",
    }),
    intervalSeconds: z.int().min(5).default(300).meta({
      description: "How often the orchestrator is asked whether it has something new.",
    }),
    files: z
      .array(artifactName)
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description:
          "The files that are mirrored; further ones are `keys/db.der` and `keys/Full_server.crt`.",
        unset:
          "`boot.ipxe`, `vmlinuz-x86_64`, `initramfs-x86_64`; with `boot.path: orchestrator` `signed_ipxe.efi`",
        examples: [["boot.ipxe", "vmlinuz-x86_64", "initramfs-x86_64"]],
      }),
    sha256: z.record(artifactName, sha256).default({}).meta({
      description:
        "SHA-256 sums that are expected of files, as `{ vmlinuz-x86_64: SUM, boot.ipxe: SUM }`, each in the 64 hex digits that `sha256sum` prints; any other content is refused.",
      unset: "what the orchestrator has is taken",
      since: "0.2.0",
    }),
    loaderDirs: z
      .array(z.string().min(1))
      .default(["/usr/share/eim-pxe/loaders", "/usr/lib/ipxe", "/boot"])
      .meta({
        description: "The folders in which iPXE loaders are looked for, before the mirror.",
        see: "loaders.md",
        examples: [["/usr/lib/ipxe"]],
      }),
    loaderUrls: z
      .record(
        loaderName,
        z.strictObject({
          url: openUrl.meta({ description: "Where this loader is fetched from." }),
          sha256: sha256.meta({
            description: "The SHA-256 that is expected of it, in 64 hex digits.",
          }),
        }),
      )
      .default({})
      .meta({
        description:
          "Loaders that are fetched from a URL, by name, each with the SHA-256 that is expected of it, as `{ ipxe.efi: { url: https://files.example.com/ipxe.efi, sha256: SUM } }`; looked for before the folders.",
        see: "loaders.md",
        since: "0.2.0",
      }),
    keepGenerations: z.int().min(1).default(2).meta({
      description:
        "How many generations (verified sets of these files) are kept on disk, beside those that a boot still needs. The former one is there to go back to.",
      unit: "generations",
    }),
  })
  .prefault({})
  .meta({ description: "The mirror: where the Micro-OS comes from, and how it is checked." });
