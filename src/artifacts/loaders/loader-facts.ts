import type { BlobSource } from "../../lib/blob.ts";
import { authoritiesOf } from "../verify/authenticode.ts";
import { layoutOf, nameOfMachine } from "../verify/pe-image.ts";

/** What the bytes of a boot loader say about it. */
export interface LoaderFacts {
  /** `efi`: an EFI executable · `bios`: anything else, as x86 BIOS loads it. */
  readonly format: "efi" | "bios";
  /** The machine that an EFI executable is for: `x86-64`, `arm64`, …; null where it is not known. */
  readonly machine: string | null;
  /** Whether it carries a signature, whoever's. */
  readonly signed: boolean;
  /** The authorities whose keys a firmware with Secure Boot needs to start it; empty where no signature can be read. */
  readonly signedBy: readonly string[];
  /** As iPXE shows it; null where it is not iPXE, or compressed as loaders for BIOS are. */
  readonly ipxeVersion: string | null;
  /** Whether it brings a script of its own: its author's, or the place that SMEE writes into. */
  readonly embedded: "script" | "smee-marker" | null;
}

/** The place in SMEE's builds of iPXE that a script can be written to: two comment lines of its embedded script. */
export const SMEE_MARKER =
  "#a8b7e61f1075c37a793f2f92cee89f7bba00c4a8d7842ce3d40b5889032d8881\n" +
  "#ddd16a4fc4926ecefdfb6941e33c44ed3647133638f5e84021ea44d3152e7f97";

/** More than any iPXE has. A unified kernel image is not searched to its end. */
const SCAN_BYTES = 16 * 1024 * 1024;
/** More than any match has. */
const MATCH_BYTES = 256;

export async function loaderFacts(blob: BlobSource): Promise<LoaderFacts> {
  const layout = await layoutOf(blob);
  const isEfi = typeof layout !== "string";
  const bytes = await blob.read(0, Math.min(blob.size, SCAN_BYTES));
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Its name and its version follow each other among its strings (iPXE src/core/version.c).
  const version = matchAt(content, "iPXE", /^iPXE[\0 ]{1,32}(\d+\.\d+\.\d+[\x20-\x7e]{0,60}?)\0/);
  const hasMarker = content.includes(SMEE_MARKER);
  // iPXE's code has the magic word alone; a script has a line behind it.
  const script = matchAt(content, "#!ipxe", /^#!ipxe[ \t]*\r?\n[\t\n\r\x20-\x7e]{8}/);
  return {
    format: isEfi ? "efi" : "bios",
    machine: isEfi ? nameOfMachine(layout.machine) : null,
    signed: isEfi && layout.certificates !== null,
    signedBy: isEfi ? await authoritiesOf(blob) : [],
    ipxeVersion: version?.[1] ?? null,
    embedded: hasMarker ? "smee-marker" : script !== null ? "script" : null,
  };
}

/**
 * The first match that begins with this word. Text is made of what is there alone: a part of a text keeps all of it in memory,
 * which would be a megabyte for the version of each loader.
 */
function matchAt(content: Buffer, word: string, pattern: RegExp): RegExpExecArray | null {
  for (let at = content.indexOf(word); at >= 0; at = content.indexOf(word, at + 1)) {
    const found = pattern.exec(content.toString("latin1", at, at + MATCH_BYTES));
    if (found !== null) return found;
  }
  return null;
}

/** What an option-93 number needs: `bios`, or the machine of an EFI executable. Others are not judged. */
const needs: ReadonlyMap<number, string> = new Map([
  [0, "bios"],
  [6, "i386"],
  [7, "x86-64"],
  [9, "x86-64"],
  [10, "ARM"],
  [11, "arm64"],
  [15, "i386"],
  [16, "x86-64"],
  [18, "ARM"],
  [19, "arm64"],
  [20, "bios"],
  [25, "RISC-V 32"],
  [26, "RISC-V 32"],
  [27, "RISC-V 64"],
  [28, "RISC-V 64"],
  [39, "LoongArch 64"],
  [40, "LoongArch 64"],
]);

/** UEFI that boots by HTTP. */
const imageCodes: ReadonlySet<number> = new Set([15, 16, 18, 19, 26, 28, 40]);

/** Why a loader cannot run on machines that announce this number in option 93, or null when it may. */
export function misfit(code: number, name: string, facts: LoaderFacts): string | null {
  const needed = needs.get(code);
  if (needed === undefined) return null;
  // UEFI's HTTP boot takes a disk image, too, and starts what is in it (UEFI 2.10, 24.7).
  if (imageCodes.has(code) && /\.(iso|img)$/i.test(name)) return null;
  if (needed === "bios") {
    // A kernel, or iPXE's .lkrn, may be both.
    return facts.format === "efi" && /\.efi$/i.test(name)
      ? "it is an EFI executable, which x86 BIOS cannot start"
      : null;
  }
  if (facts.format !== "efi") return `it is no EFI executable, and these machines are UEFI`;
  return facts.machine === needed
    ? null
    : `it is for ${facts.machine}, and these machines are ${needed}`;
}

/** SMEE's limit, and the room that its builds have. */
export const PATCH_LIMIT_BYTES = SMEE_MARKER.length;

/** The loader with `script` in SMEE's place, filled up with blanks, of the same size; as it is where it has no such place. */
export function patchSmeeMarker(loader: Uint8Array, script: string): Uint8Array {
  const at = Buffer.from(loader.buffer, loader.byteOffset, loader.byteLength).indexOf(SMEE_MARKER);
  if (at === -1) return loader;
  const patched = Uint8Array.from(loader);
  patched.fill(0x20, at, at + PATCH_LIMIT_BYTES);
  patched.set(new TextEncoder().encode(script), at);
  return patched;
}
