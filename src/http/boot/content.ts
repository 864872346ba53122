import type { LocalBootWay } from "../../boot/local-boot.ts";
import type { Machine } from "../../events/types.ts";
import type { HookSettings } from "../../boot/script/hook-script.ts";
import type { BlobSource } from "../../lib/blob.ts";
import type { OpenFile } from "../files/open-file.ts";

/** Images for BMCs (`iso`). */
export interface ServedIso {
  /** A path, or a URL; null: machines' entries name theirs. */
  readonly source: string | null;
  readonly placeholder: string;
  readonly staticAddresses: boolean;
  /** What the images are told besides. */
  readonly hook: HookSettings;
  readonly remote: RemoteImages;
}

/** Images of other servers, of which only what is asked for is fetched. */
export interface RemoteImages {
  /** @throws SyncError when it cannot be had, or the server answers no ranges */
  open(url: string): Promise<OpenFile>;
}

/** One file of a generation, on disk and never changed while the generation exists. */
export interface ServedFile {
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  /** Of its content, in hex. */
  readonly sha256: string;
}

/** One verified set of files that belong together. */
export interface ServedGeneration {
  readonly id: string;
  /** The file of exactly this name in the manifest (`keys/db.der` has its folder), or null. */
  file(name: string): ServedFile | null;
  /** Whether there are signatures beside its files (`artifacts sign`); absent: there are none. Never rejects. */
  readonly isSigned?: () => Promise<boolean>;
}

/** The generations that are on disk, as the boot port needs them. */
export interface ServedGenerations {
  /** The one that new boots get; null until the first synchronisation has succeeded. */
  current(): ServedGeneration | null;
  get(id: string): ServedGeneration | null;
}

export interface ServedLoader {
  readonly name: string;
  readonly blob: BlobSource;
  readonly path: string | null;
  /** Milliseconds since the Unix epoch, of a loader whose blob is in memory; absent: it is read from `path`. */
  readonly modifiedMs?: number;
  /** Null or absent: it is not known. */
  readonly sha256?: string | null;
}

/** Loaders by their bare name; null when there is none. The caller closes the blob. */
export interface ServedLoaders {
  find(name: string): Promise<ServedLoader | null>;
}

/** A file of the site's own folder. */
export interface ServedAsset {
  readonly kind: "file";
  /** Relative to the folder. */
  readonly name: string;
  /** The real path of the folder, which the file must not leave. */
  readonly folder: string;
  readonly path: string;
  /** What it is to a boot. */
  readonly content: "loader" | "kernel" | "initramfs" | "other";
  /** Of the mirror: the generation that it is of; null or absent: it is the site's own. */
  readonly generation?: string | null;
  /** Of the mirror's; null or absent: it is not known. */
  readonly sha256?: string | null;
}

/** A text that is made for the machine that asks. */
export interface MadeText {
  /** `config`: what a boot program is told to boot. */
  readonly kind: "config" | "text";
  readonly name: string;
  readonly text: string;
  /** The generation that it boots from; null or absent: none. */
  readonly generation?: string | null;
  /** It sends the machine on to its disk, and why; null or absent: it boots something. */
  readonly sendsOn?: { readonly way: LocalBootWay; readonly reason: string } | null;
}

/** Something is there by that name, and is not handed out. */
export interface UnservedAsset {
  readonly kind: "unserved";
  readonly name: string;
  readonly why: string;
}

/** The site's own folder, and what is made beside it, by names that may begin with a machine's MAC or UUID. */
export interface ServedAssets {
  find(name: string, machine: Machine): Promise<ServedAsset | MadeText | UnservedAsset | null>;
}
