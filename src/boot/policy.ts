import type { Mac } from "../lib/mac.ts";
import { architectureOf } from "./architecture.ts";
import type { BootClient } from "./client.ts";
import type { TraceContext } from "./trace-context.ts";
import type { LocalBootWay } from "./local-boot.ts";
import { macSegment, type MacInUrls, usualMacInUrls } from "./machine-urls.ts";
import { isUnknown, type NodeEntry } from "./node.ts";

/** What a machine boots next, decided once for every protocol. */
export type Plan = Decided & {
  /** The trace that the boot belongs to, which the machine is told; absent: none. */
  readonly trace?: TraceContext | null;
};

type Decided =
  /** The loader by its bare name, from our TFTP server. */
  | { readonly kind: "loader"; readonly transport: "tftp"; readonly file: string }
  /** The loader by URL, for UEFI HTTP boot. */
  | {
      readonly kind: "loader";
      readonly transport: "http";
      readonly file: string;
      readonly url: string;
    }
  /** iPXE runs already: the script by URL. */
  | { readonly kind: "script"; readonly url: string }
  /** It wants to boot and may not, or nothing fits it. It may still get an address in mode full. */
  | {
      readonly kind: "refused";
      readonly why: "denied" | "no-loader";
      readonly reason: string;
    }
  /** An ordinary DHCP client: no boot information, and in proxy mode no answer. */
  | { readonly kind: "none"; readonly why?: "unknown-class"; readonly reason: string };

export interface BootPolicy {
  /** Loaders by option-93 number; they win over the table of architectures. */
  readonly loaders: ReadonlyMap<number, string>;
  /** Whether architectures that `loaders` does not name get none, instead of the table's. */
  readonly onlyNamedLoaders?: boolean;
  /** User classes (option 77) that get the script instead of a loader. */
  readonly userClasses: readonly string[];
  /** Whether machines that no node entry matches may boot. */
  readonly unknownNodes: "allow" | "deny";
  /**
   * Whether the entry that a machine matches is not known yet, since some name serial numbers, and its own is told
   * by iPXE only. It gets iPXE then, and the script decides. Default: never.
   */
  readonly isUndecided?: (mac: Mac | null) => boolean;
  /** How a machine that may not network-boot is sent on to its disk. Default: it is offered nothing. */
  readonly localBoot?: (mac: Mac | null, node: NodeEntry | null) => LocalBootChoice;
  /** How the MAC is written into URLs. Default: with colons. */
  readonly macInUrls?: MacInUrls;
  /** Who is told an `https` URL; null or absent: nobody. */
  readonly https?: HttpsOffer | null;
}

export interface LocalBootChoice {
  readonly way: LocalBootWay;
  /** By `boot.localBoot: auto`, not by a word of the administrator. */
  readonly isAuto: boolean;
}

/** That a machine may not network-boot, why, and how it is sent on to its disk. */
export interface Denial extends LocalBootChoice {
  readonly reason: string;
}

/** Clients that can be told an `https` URL: a firmware's UEFI HTTP boot, and iPXE. */
export type HttpsClient = "uefi-http" | "ipxe";

export interface HttpsOffer {
  readonly port: number;
  readonly to: readonly HttpsClient[];
}

/** The same server by TLS: our base URL at another port. */
export function secureUrl(baseUrl: string, port: number): string {
  const { hostname } = new URL(baseUrl);
  return `https://${hostname}:${port}`;
}

/**
 * Decides what `client` boots next.
 *
 * @param baseUrl our HTTP server as this machine reaches it, without a trailing slash: `http://192.168.77.1:8080`
 */
export function planBoot(
  client: BootClient,
  node: NodeEntry | null,
  policy: BootPolicy,
  baseUrl: string,
): Plan {
  if (client.transport === null) return unrecognised(client);
  const denial = admissionOf(client.mac, node, policy);
  if (denial?.way === "silent") return { kind: "refused", why: "denied", reason: denial.reason };
  if (runsIpxe(client, policy)) {
    const base = client.lacksHttps ? baseUrl : baseUrlFor("ipxe", policy, baseUrl);
    const own = denial === null ? (node?.scriptUrl ?? null) : null;
    return { kind: "script", url: own ?? scriptUrl(base, client.mac, policy) };
  }
  const choice = chooseLoader(client, node, policy);
  if (choice === null) {
    const announced = client.architectures.join(", ") || "nothing";
    return {
      kind: "refused",
      why: "no-loader",
      reason: `no loader fits its architecture: option 93 says ${announced}, option 60 says "${client.vendorClass}"; name a loader for it under boot.loaders, or as its node's loader`,
    };
  }
  if (client.transport === "http") {
    const { loader } = policy.macInUrls ?? usualMacInUrls;
    const own = macSegment(client.mac, loader);
    const base = baseUrlFor("uefi-http", policy, baseUrl);
    const path = choice.split("/").map(encodeURIComponent).join("/");
    const inAssets = own === null ? `assets/${path}` : `assets/${own}/${path}`;
    const url = `${base}/${choice.includes("/") ? inAssets : `${own ?? "loaders"}/${path}`}`;
    return { kind: "loader", transport: "http", file: choice, url };
  }
  return { kind: "loader", transport: "tftp", file: choice };
}

function baseUrlFor(who: HttpsClient, { https }: BootPolicy, baseUrl: string): string {
  return https?.to.includes(who) === true ? secureUrl(baseUrl, https.port) : baseUrl;
}

/** Why an ordinary client has nothing to boot; also the sign that an operating system runs. */
export const NOT_A_BOOT_CLIENT = "not a network boot client";

function unrecognised({ unknownClass, vendorClass }: BootClient): Plan {
  if (!unknownClass) return { kind: "none", reason: NOT_A_BOOT_CLIENT };
  const reason = `${NOT_A_BOOT_CLIENT}: option 60 says "${vendorClass}", and boot.vendorClasses does not name it`;
  return { kind: "none", why: "unknown-class", reason };
}

/** Why policy keeps a machine from booting, or null when it may. */
export function denialOf(node: NodeEntry | null, policy: BootPolicy): string | null {
  if (isUnknown(node)) {
    return policy.unknownNodes === "deny"
      ? "no node entry matches this machine and nodes.unknown is deny"
      : null;
  }
  if (node?.netboot !== "deny") return null;
  return node.denied ?? "its node entry says netboot: deny";
}

/**
 * The one decision of every protocol: null when the machine may network-boot.
 *
 * @param serialIsKnown whether `node` was looked for by the machine's serial number too, or by that there is none
 */
export function admissionOf(
  mac: Mac | null,
  node: NodeEntry | null,
  policy: BootPolicy,
  serialIsKnown = false,
): Denial | null {
  if (isUnknown(node) && !serialIsKnown && policy.isUndecided?.(mac) === true) return null;
  const reason = denialOf(node, policy);
  if (reason === null) return null;
  const choice = policy.localBoot?.(mac, node) ?? { way: "silent", isAuto: false };
  return { ...choice, reason };
}

/**
 * Whether an iPXE that can fetch the script runs on the machine already: handed the loader once more it
 * would loop for ever. One without HTTP, as some network cards have, wants the loader first.
 */
function runsIpxe(client: BootClient, policy: BootPolicy): boolean {
  if (client.lacksHttp) return false;
  return client.ipxe || client.userClasses.some((name) => policy.userClasses.includes(name));
}

/**
 * The boot script's URL. A machine without a hardware address of 6 bytes (InfiniBand has none in DHCP,
 * RFC 4390) gets the one that holds for all.
 */
function scriptUrl(baseUrl: string, mac: Mac, { macInUrls = usualMacInUrls }: BootPolicy): string {
  const folder = macSegment(mac, macInUrls.script);
  return folder === null ? `${baseUrl}/boot.ipxe` : `${baseUrl}/${folder}/boot.ipxe`;
}

/** The node's own loader, else that of the first announced architecture that has one. */
function chooseLoader(
  client: BootClient,
  node: NodeEntry | null,
  policy: BootPolicy,
): string | null {
  if (node !== null && node.loader !== null) return node.loader;
  for (const code of client.architectures) {
    const usual = policy.onlyNamedLoaders === true ? null : architectureOf(code)?.loader;
    const loader = policy.loaders.get(code) ?? usual ?? null;
    if (loader !== null) return loader;
  }
  return null;
}
