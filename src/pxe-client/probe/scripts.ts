import { localBootReason } from "../../boot/script/local-boot.ts";
import type { BootSource } from "../wire/boot-source.ts";
import { resolveSource } from "../wire/fetch.ts";
import {
  readChain,
  readDownloads,
  type ScriptDownloads,
  type ScriptSettings,
} from "./ipxe-interpreter.ts";
import { locationOf } from "./report.ts";

/** What a machine's scripts come to. */
export type ScriptsEnd =
  | {
      readonly kind: "downloads";
      readonly downloads: ScriptDownloads;
      /** The script that names them: they may be relative to it. */
      readonly base: BootSource;
    }
  /** The server sends the machine on to its disk. */
  | { readonly kind: "denied"; readonly location: string; readonly reason: string }
  /** No script that boots anything. */
  | { readonly kind: "script"; readonly location: string; readonly seen: string };

/** A script that hands over to itself would go on for ever. */
const maxScripts = 5;

/** Follows a script, and those that it hands over to. */
export async function followScripts(
  first: BootSource,
  settings: ScriptSettings,
  read: (source: BootSource) => Promise<string>,
): Promise<ScriptsEnd> {
  let source = first;
  for (let count = 0; count < maxScripts; count++) {
    const location = locationOf(source);
    const text = await read(source);
    if (!/^#!ipxe\s/.test(text)) {
      return { kind: "script", location, seen: "it does not begin with #!ipxe" };
    }
    const reason = localBootReason(text);
    if (reason !== null) return { kind: "denied", location, reason };
    const downloads = readDownloads(text, settings);
    if (downloads !== null) return { kind: "downloads", downloads, base: source };
    const target = readChain(text, settings);
    const next = target === null ? null : resolveSource(target, source);
    if (next === null) {
      const seen = "it fetches no kernel and initramfs, and runs no other script";
      return { kind: "script", location, seen };
    }
    source = next;
  }
  const seen = `${maxScripts} scripts hand over to one another`;
  return { kind: "script", location: locationOf(source), seen };
}
