import { z } from "zod";
import { localBootSettings } from "../boot/local-boot.ts";
import { parseIp4, parseSubnet } from "../lib/ip4.ts";
import {
  fixedOption,
  hostName,
  httpUrl,
  ip4,
  ip4List,
  ip4Range,
  ip4RangeOrOne,
  kernelArgument,
  loaderName,
  seconds,
  subnet,
} from "./values.ts";

/**
 * The configuration file. Every default lives here; `docs/configuration.md` explains each key and
 * `eim-pxe schema` prints this as JSON Schema. Unknown keys are errors.
 */

const port = z.int().min(0).max(65535);

/** What mode full hands out in a network. */
const network = z.strictObject({
  pools: z.array(ip4Range).default([]),
  exclude: z.array(ip4RangeOrOne).default([]),
  router: ip4List.default([]),
  dns: z.array(ip4).default([]),
  ntp: z.array(ip4).default([]),
  domain: z.string().min(1).max(253).nullable().default(null),
  logServers: z.array(ip4).default([]),
  leaseSeconds: seconds.default(3600),
  netbootLeaseSeconds: seconds.default(120),
  options: z.array(fixedOption).default([]),
});

const linkDhcp = network
  .extend({
    mode: z.enum(["proxy", "full", "off"]).default("proxy"),
    subnet: subnet.nullable().default(null),
    relayed: z.array(network.extend({ subnet })).default([]),
  })
  .prefault({});

const link = z.strictObject({
  name: z
    .string()
    .regex(/^[^\s/]{1,15}$/, "must be the name of a network interface, such as eth1")
    .meta({ examples: ["eth1"] }),
  address: ip4.nullable().default(null),
  dhcp: linkDhcp,
});

const boot = z
  .strictObject({
    localBoot: z.enum(localBootSettings).default("auto"),
    path: z.enum(["mirror", "orchestrator"]).default("mirror"),
    loaders: z
      .record(z.string().regex(/^(0|[1-9][0-9]{0,4})$/, "must be an option-93 number"), loaderName)
      .meta({ examples: [{ 7: "snponly.efi" }] })
      .default({}),
    userClasses: z.array(z.string().min(1).max(255)).default(["iPXE", "Tinkerbell"]),
    vendorClasses: z
      .array(z.string().min(1).max(255))
      .meta({ examples: [["U-Boot"]] })
      .default([]),
    script: z.string().min(1).default("mirror"),
    loaderPatch: z
      .string()
      .refine((text) => new TextEncoder().encode(text).length <= 131, {
        error: "must have at most 131 bytes, which is the room in SMEE's builds of iPXE",
      })
      .nullable()
      .default(null),
    kernelArgs: z.array(kernelArgument).default([]),
  })
  .prefault({});

const portRange = z
  .string()
  .regex(/^[0-9]{1,5}-[0-9]{1,5}$/, 'must be a range of ports such as "40000-40999"')
  .refine((text) => {
    const [first = 0, last = 0] = text.split("-").map(Number);
    return first >= 1 && first <= last && last <= 65535;
  }, "must be a rising range within 1 to 65535");

/** Who is answered: the networks of the served links, everybody, or a network. */
const clients = z
  .string()
  .refine(
    (text) => text === "links" || text === "any" || parseSubnet(text) !== null,
    "must be links, any or a network such as 10.20.0.0/16",
  )
  .meta({ examples: ["links", "any", "10.20.0.0/16"] });

const tftp = z
  .strictObject({
    enabled: z.boolean().default(true),
    port: port.default(69),
    singlePort: z.boolean().default(false),
    maxBlockSize: z.int().min(8).max(65464).default(1468),
    maxWindowSize: z.int().min(1).max(65535).default(64),
    maxTransfers: z.int().min(1).default(1000),
    dataPorts: portRange.nullable().default(null),
    allowFrom: z
      .union([clients.transform((one) => [one]), z.array(clients).min(1)])
      .default(["links"]),
  })
  .prefault({});

const tlsFiles = z.strictObject({
  certFile: z
    .string()
    .min(1)
    .meta({ examples: ["/etc/eim-pxe/server.crt"] }),
  keyFile: z
    .string()
    .min(1)
    .meta({ examples: ["/etc/eim-pxe/server.key"] }),
});

const http = z
  .strictObject({
    port: port.default(8080),
    memoryBytes: z.union([z.literal("auto"), z.int().min(0)]).default("auto"),
    maxBytesPerSecond: z.int().min(1024).nullable().default(null),
    queue: z.int().min(1).nullable().default(null),
    tls: tlsFiles
      .extend({
        port: z.int().min(1).max(65535).default(8443),
        offer: z.array(z.enum(["uefi-http", "ipxe"])).default([]),
      })
      .nullable()
      .default(null),
  })
  .prefault({});

const listenAddress = z
  .string()
  .refine((text) => splitListen(text) !== null, "must be ADDRESS:PORT, such as 127.0.0.1:8081");

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

/** What it names is shown in events and messages, so nothing secret may be in it. */
const openUrl = httpUrl.refine((text) => {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return `${username}${password}` === "";
}, "must be a URL without user name and password");

const originUrl = httpUrl.refine((text) => {
  if (!URL.canParse(text)) return true;
  const { search, hash, username, password } = new URL(text);
  return `${search}${hash}${username}${password}` === "";
}, "must be a URL without query, fragment, user name and password");

/** One URL or a list of them, asked in this order. */
const origins = z
  .union([z.string().transform((one) => [one]), z.array(z.string()).min(1)])
  .meta({ examples: ["https://tinkerbell-haproxy.example.com/tink-stack"] })
  .superRefine((urls, context) => {
    for (const url of urls) {
      for (const { message } of originUrl.safeParse(url).error?.issues ?? []) {
        context.addIssue({ code: "custom", message });
      }
    }
  });

const artifacts = z
  .strictObject({
    origin: origins.nullable().default(null),
    ca: z
      .strictObject({
        file: z
          .string()
          .min(1)
          .meta({ examples: ["/etc/eim-pxe/orchestrator-ca.pem"] })
          .nullable()
          .default(null),
        url: openUrl.nullable().default(null),
        sha256: fingerprint.nullable().default(null),
      })
      .prefault({}),
    proxy: httpUrl.nullable().default(null),
    maxBytesPerSecond: z.int().min(1024).nullable().default(null),
    intervalSeconds: z.int().min(5).default(300),
    files: z.array(artifactName).min(1).nullable().default(null),
    sha256: z.record(artifactName, sha256).default({}),
    loaderDirs: z
      .array(z.string().min(1))
      .default(["/usr/share/eim-pxe/loaders", "/usr/lib/ipxe", "/boot"]),
    loaderUrls: z.record(loaderName, z.strictObject({ url: openUrl, sha256 })).default({}),
    keepGenerations: z.int().min(1).default(2),
  })
  .prefault({});

export const configSchema = z
  .strictObject({
    dataDir: z.string().min(1).default("/var/lib/eim-pxe"),
    interfaces: z.array(link).default([]),
    dhcp: z
      .strictObject({
        compatibility: z.enum(["standard", "smee", "smee-standalone"]).default("standard"),
        authoritative: z.boolean().default(true),
        allowOtherServers: z.boolean().default(false),
      })
      .prefault({}),
    boot,
    tftp,
    http,
    admin: z
      .strictObject({
        listen: listenAddress.default("127.0.0.1:8081"),
        tokenFile: z.string().min(1).nullable().default(null),
        readTokenFile: z.string().min(1).nullable().default(null),
        tls: tlsFiles.nullable().default(null),
        allowedHosts: z.array(hostName).default([]),
      })
      .prefault({}),
    artifacts,
    nodes: z
      .strictObject({
        unknown: z.enum(["allow", "deny"]).default("allow"),
        file: z.string().min(1).nullable().default(null),
        format: z.enum(["eim", "tinkerbell", "orchestrator-csv", "kubernetes"]).default("eim"),
        kubernetes: z
          .strictObject({
            kubeconfig: z.string().min(1).nullable().default(null),
            namespace: z
              .string()
              .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be the name of a namespace")
              .nullable()
              .default(null),
          })
          .nullable()
          .default(null),
      })
      .prefault({}),
    timeline: z
      .strictObject({
        keepBoots: z.int().min(100).max(1_000_000).default(10_000),
        captures: z.boolean().default(true),
      })
      .prefault({}),
    log: z
      .strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") })
      .prefault({}),
  })
  .prefault({});

export type Config = z.output<typeof configSchema>;
export type LinkConfig = Config["interfaces"][number];
export type NetworkConfig = z.output<typeof network>;

/** What is mirrored: by default what the path of the boots needs. */
export function mirroredFiles({ boot: { path }, artifacts: { files } }: Config): readonly string[] {
  if (files !== null) return files;
  return path === "orchestrator"
    ? [ORCHESTRATOR_LOADER]
    : ["boot.ipxe", "vmlinuz-x86_64", "initramfs-x86_64"];
}

/** The orchestrator's own loader, which goes its own way to the cloud. */
export const ORCHESTRATOR_LOADER = "signed_ipxe.efi";

/** `127.0.0.1:8081` → its parts; null when the text is not ADDRESS:PORT. */
export function splitListen(text: string): { host: string; port: number } | null {
  const at = text.lastIndexOf(":");
  const host = parseIp4(text.slice(0, at));
  const number = text.slice(at + 1);
  if (host === null || !/^[0-9]{1,5}$/.test(number) || Number(number) > 65535) return null;
  return { host, port: Number(number) };
}
