import type { LoaderStore } from "../../artifacts/loaders/loader-store.ts";
import {
  type AssetPlace,
  type UnservedAsset,
  unreadable,
} from "../../assets/store/asset-folder.ts";
import { openFile } from "../../artifacts/store/disk.ts";
import { loaderNames } from "../../boot/architecture.ts";
import { autoexecScript } from "../../boot/script/autoexec.ts";
import type { Denial } from "../../boot/policy.ts";
import { syslogServerAt } from "../../boot/script/syslog.ts";
import type { Config } from "../../config/schema.ts";
import type { Machine } from "../../events/types.ts";
import { memoryBlob } from "../../lib/blob.ts";
import { fromText, sha256Of } from "../../lib/bytes.ts";
import type { TftpFile, TftpRefusal } from "../../tftp/server/tftp-server.ts";
import { type BootConfig, type BootConfigParts, BootConfigs } from "./boot-configs.ts";
import { findPiFile, type PiText } from "./raspberry-pi.ts";
import { takesUsualSyslog } from "../settings/boot-settings.ts";
import type { SiteAsset, SiteAssets } from "./site-assets.ts";

export interface TftpContent {
  readonly loaders: Pick<LoaderStore, "find">;
  /** Null: there is no folder of assets, or TFTP does not serve it. */
  readonly assets: SiteAssets | null;
  /** Null: nothing is made for other boot programs than iPXE. */
  readonly configs: Pick<BootConfigs, "find" | "artifact"> | null;
  /** What a Raspberry Pi gets by its entry; null: there is none. */
  readonly findPi: (
    path: string,
    machine: Machine,
  ) => Promise<PiText | SiteAsset | UnservedAsset | null>;
  /** That a machine may not boot; null when it may. */
  readonly denialOf: (machine: Machine) => Denial | null;
  /** The folder in front of a loader counts for nothing, as with SMEE, whose URLs have one for each machine. */
  readonly anyFolder: boolean;
  /** Whether `autoexec.ipxe` has iPXE send us its log. */
  readonly takesSyslog: boolean;
}

/** As the configuration has it. */
export function tftpContent(
  config: Config,
  parts: Omit<BootConfigParts, "config"> & { readonly loaders: LoaderStore },
): TftpContent {
  const { loaders, nodes } = parts;
  const assets = config.assets.tftp ? parts.assets : null;
  return {
    loaders,
    assets,
    configs: new BootConfigs({ ...parts, config, assets }),
    findPi: (path, machine) => findPiFile(path, machine, { ...parts, config, assets }),
    denialOf: (machine) => nodes.denialOf(machine),
    anyFolder: config.dhcp.compatibility !== "standard",
    takesSyslog: takesUsualSyslog(config),
  };
}

/**
 * What TFTP serves, the first that there is: what is made for the machine's boot program; a file of its own folder of
 * assets; loaders, and the script that a modern iPXE looks for beside its loader; the other assets; what a
 * Raspberry Pi gets by its entry; the mirror's kernel and initramfs; and iPXE to a shim that asks for the GRUB
 * which is not there. SMEE's builds of iPXE go before all assets, as SMEE has it.
 *
 * @param baseUrl our HTTP server as this machine reaches it; null: `autoexec.ipxe` is not served
 */
export async function findTftpFile(
  path: string,
  content: TftpContent,
  baseUrl: string | null,
  machine: Machine,
): Promise<TftpFile | TftpRefusal | null> {
  const { loaders, configs, anyFolder } = content;
  const config = (await configs?.find(path, machine)) ?? null;
  if (config !== null) {
    return config.kind === "config" ? fileOf(config) : notServed(config.name, config.why);
  }
  const asset = (place: AssetPlace) => findAsset(path, content, machine, place);
  const own = anyFolder ? null : await asset("own");
  if (own !== null && own.kind !== "refused") return own;
  const name = anyFolder ? path.slice(path.lastIndexOf("/") + 1) : path;
  if (name === AUTOEXEC) return autoexec(baseUrl, content);
  const [exact = name, ...inItsPlace] = loaderNames(name);
  const loader = await findLoader(loaders, exact);
  if (loader !== null) return loader;
  const found = await asset(anyFolder ? "both" : "common");
  if (found !== null) return found;
  // Loaders may lie in any folder of the assets.
  if (name.endsWith(`/${AUTOEXEC}`)) return autoexec(baseUrl, content);
  const made =
    (await findPi(path, content, machine)) ?? (await findArtifact(path, content, machine));
  if (made != null) return made;
  for (const other of inItsPlace) {
    const substitute = await findLoader(loaders, other);
    if (substitute !== null) return substitute;
  }
  return own;
}

const AUTOEXEC = "autoexec.ipxe";

function autoexec(baseUrl: string | null, { takesSyslog }: TftpContent): TftpFile | null {
  if (baseUrl === null) return null;
  const urls = { bootUrl: `${baseUrl}/boot.ipxe`, eventsUrl: `${baseUrl}/events` };
  const text = autoexecScript({ ...urls, syslog: takesSyslog ? syslogServerAt(baseUrl) : null });
  return { name: AUTOEXEC, kind: "script", ...madeOf(text) };
}

function fileOf({ name, text, generation, sendsOn }: BootConfig): TftpFile {
  return { name, kind: "boot-config", ...madeOf(text), generation, sendsOn, isAsked: true };
}

function madeOf(text: string): Pick<TftpFile, "blob" | "sha256"> {
  return { blob: memoryBlob(fromText(text)), sha256: sha256Of(text) };
}

async function findLoader(
  loaders: Pick<LoaderStore, "find">,
  wanted: string,
): Promise<TftpFile | null> {
  const loader = await loaders.find(wanted);
  if (loader === null) return null;
  const { name, blob, sha256 } = loader;
  return { name, kind: "loader", blob, sha256 };
}

async function findAsset(
  path: string,
  content: TftpContent,
  machine: Machine,
  place: AssetPlace,
): Promise<TftpFile | TftpRefusal | null> {
  const found = (await content.assets?.find(utf8Name(path), machine, place)) ?? null;
  return found === null ? null : served(found, content, machine);
}

async function findPi(
  path: string,
  content: TftpContent,
  machine: Machine,
): Promise<TftpFile | TftpRefusal | null> {
  const found = await content.findPi(path, machine);
  return found === null ? null : served(found, content, machine);
}

async function findArtifact(
  path: string,
  { configs, denialOf }: TftpContent,
  machine: Machine,
): Promise<TftpFile | TftpRefusal | null> {
  const found = configs?.artifact(path, machine) ?? null;
  if (found === null) return null;
  const denial = denialOf(machine);
  if (denial !== null) return refused(denial);
  const { name, content, generation, sha256 } = found;
  const blob = await openFile(found.path);
  return { name, kind: content, blob, generation, sha256, isAsked: true };
}

function refused({ reason, way }: Denial): TftpRefusal {
  const told = `this machine may not boot from here: ${reason}`;
  return { kind: "refused", reason: told, asMissing: way === "not-found" };
}

/** What was found, unless the machine may not boot, or the file may not be read. */
async function served(
  found: SiteAsset | PiText | UnservedAsset,
  { assets, denialOf }: TftpContent,
  machine: Machine,
): Promise<TftpFile | TftpRefusal | null> {
  const { name } = found;
  if (found.kind === "unserved") return notServed(name, found.why);
  const denial = denialOf(machine);
  if (denial !== null) return refused(denial);
  if (found.kind === "text") {
    return { name, kind: "asset", ...madeOf(found.text), isAsked: true };
  }
  try {
    const blob = (await assets?.folder.open(found)) ?? null;
    if (blob === null) return null;
    const { content } = found;
    return { name, kind: content === "other" ? "asset" : content, blob, isAsked: true };
  } catch (thrown) {
    const problem = unreadable(name, thrown);
    if (problem === null) throw thrown;
    return notServed(name, problem.why);
  }
}

/** A client that tries several names goes on to the next one. */
function notServed(name: string, why: string): TftpRefusal {
  return { kind: "refused", reason: `${name} is there and is not served: ${why}`, asMissing: true };
}

/** TFTP names no character set; in a folder, names are UTF-8. */
function utf8Name(name: string): string {
  const codes = Array.from(name, (character) => character.codePointAt(0) ?? 0);
  if (codes.every((code) => code < 0x80) || codes.some((code) => code > 0xff)) return name;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(codes));
  } catch {
    return name;
  }
}
