import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { RASPBERRY_PI } from "./architecture.ts";
import { filledUrl, type MacForm, type MacInUrls, writtenMac } from "./machine-urls.ts";

/**
 * What Tinkerbell SMEE hands out, where it differs from us: for sites whose machines and tools were
 * built around it. `smee` is the one in Tinkerbell's monorepo of August 2026, `smee-standalone` the
 * last one that was a program of its own, of July 2025.
 */
export type SmeeFlavour = "smee" | "smee-standalone";

export interface SmeeLayout {
  /** Folder of the loaders under our HTTP port, with slashes at both ends. */
  readonly binaryFolder: string;
  /** Folder of the scripts, likewise. */
  readonly scriptFolder: string;
  /** The loader by option-93 number; an architecture that is not here gets none. */
  readonly loaders: ReadonlyMap<number, string>;
  /** Whether a URL leaves port 80 out. */
  readonly hidesPort80: boolean;
}

function loaders(arm64: string, biosHttp: string | null): ReadonlyMap<number, string> {
  const table = new Map<number, string>();
  for (const code of [0, 1, 2, 3, 4, 5]) table.set(code, "undionly.kpxe");
  for (const code of [6, 7, 8, 9, 15, 16]) table.set(code, "ipxe.efi");
  for (const code of [10, 11, 18, 19, RASPBERRY_PI]) table.set(code, arm64);
  if (biosHttp !== null) table.set(20, biosHttp);
  return table;
}

export const smeeLayouts: { readonly [Flavour in SmeeFlavour]: SmeeLayout } = {
  smee: {
    binaryFolder: "/ipxe/binary/",
    scriptFolder: "/ipxe/script/",
    loaders: loaders("snp-arm64.efi", "undionly.kpxe"),
    hidesPort80: false,
  },
  "smee-standalone": {
    binaryFolder: "/ipxe/",
    scriptFolder: "/",
    loaders: loaders("snp.efi", null),
    hidesPort80: true,
  },
};

// SMEE knows the Raspberry Pi by these and by no others.
const piPrefixes = ["b8:27:eb", "dc:a6:32", "e4:5f:01", "28:cd:c1", "d8:3a:dd"];

export function isSmeeRaspberryPi(mac: Mac): boolean {
  return piPrefixes.some((prefix) => mac.startsWith(prefix));
}

/**
 * `dhcp.compatibility`: a line of SMEE, or the monorepo's as of a month since when it answers otherwise.
 * `smee-2026-10` has defaults for name servers and search lists.
 */
export const smeeCompatibilities = ["smee", "smee-2026-10", "smee-standalone"] as const;
export type SmeeCompatibility = (typeof smeeCompatibilities)[number];

/** Whose URLs and loaders these answers have. */
export function flavourOf(compatibility: SmeeCompatibility): SmeeFlavour {
  return compatibility === "smee-standalone" ? "smee-standalone" : "smee";
}

/** Where SMEE's answers send machines. */
export interface SmeeEndpoints {
  readonly address: Ip4;
  /** Default: the same. */
  readonly tftpAddress?: Ip4;
  readonly tftpPort: number;
  readonly httpPort: number;
  readonly macInUrls: MacInUrls;
  /** `boot.scriptUrl`: a script elsewhere for every machine; null: ours. */
  readonly scriptUrl: string | null;
}

/** A machine without a hardware address gets the path without one. */
function underMac(folder: string, mac: Mac, form: MacForm, file: string): string {
  if (mac === "" || form === "off") return `${folder}${file}`;
  return `${folder}${writtenMac(mac, form)}/${file}`;
}

export function smeeBinaryUrl(
  flavour: SmeeFlavour,
  at: SmeeEndpoints,
  mac: Mac,
  name: string,
): string {
  const { binaryFolder } = smeeLayouts[flavour];
  const path = underMac(binaryFolder, mac, at.macInUrls.loader, encodeURIComponent(name));
  return `http://${at.address}:${at.httpPort}${path}`;
}

export function smeeScriptUrl(
  flavour: SmeeFlavour,
  at: SmeeEndpoints,
  machine: { readonly mac: Mac; readonly uuid: string | null },
): string {
  const { mac } = machine;
  const { macInUrls, scriptUrl } = at;
  if (scriptUrl !== null) {
    const url = mac === "" ? scriptUrl.replaceAll("{mac}/", "") : scriptUrl;
    return filledUrl(url, machine, macInUrls.script);
  }
  const { scriptFolder, hidesPort80 } = smeeLayouts[flavour];
  const port = hidesPort80 && at.httpPort === 80 ? "" : `:${at.httpPort}`;
  const path = underMac(scriptFolder, mac, macInUrls.script, "auto.ipxe");
  return `http://${at.address}${port}${path}`;
}

/** The port is always there, even 69. */
export function smeeTftpUrl(at: SmeeEndpoints, mac: Mac, name: string): string {
  const path = underMac("/", mac, at.macInUrls.loader, encodeURIComponent(name));
  return `tftp://${at.tftpAddress ?? at.address}:${at.tftpPort}${path}`;
}
