import { SyncError } from "../../lib/errors.ts";
import { commandsOf } from "./ipxe-syntax.ts";

/** What a boot script boots, for programs that do not run iPXE's scripts. */
export interface BootParts {
  /** Names of files beside the script. */
  readonly kernel: string;
  readonly initramfs: readonly string[];
  /** Words of the kernel's command line. */
  readonly args: readonly string[];
}

const maxDepth = 16;
/** Characters that the settings of one script become where they are named; a kernel takes 4,096 (x86: COMMAND_LINE_SIZE is 2,048). */
const mostExpanded = 64 * 1024;

/** What a script fetches, and what it sets: read once, for all machines. */
export interface BootLines {
  /** By name, without a type. */
  readonly settings: ReadonlyMap<string, string>;
  /** The lines with the kernel's arguments, and those with an initramfs: a URL and what follows it. */
  readonly kernels: readonly (readonly string[])[];
  readonly initrds: readonly (readonly string[])[];
}

export function bootLinesOf(script: string): BootLines {
  const commands = commandsOf(script).map(({ words }) => words.map(({ text }) => text));
  const settings = new Map<string, string>();
  for (const [name, setting = "", ...value] of commands) {
    // What a loop sets again is not looked at: the first value is the one to begin with.
    const plain = setting.replace(/:.*/, "");
    if (name === "set" && !settings.has(plain)) settings.set(plain, value.join(" "));
  }
  const fetched = (...names: readonly string[]) =>
    commands
      .filter(([name = ""]) => names.includes(name))
      .map((words) => words.slice(1).filter((word) => !word.startsWith("--")));
  return { settings, kernels: fetched("imgargs", "kernel"), initrds: fetched("initrd") };
}

/**
 * Reads from the orchestrator's `boot.ipxe` what iPXE would boot by it: the files that it fetches from `download-url`,
 * and the words behind `imgargs` or `kernel`.
 *
 * @param own iPXE's settings, such as `mac`; what is not among them, and not set by the script, is empty, as in iPXE
 * @throws SyncError when the script is not of the known form
 */
export function bootPartsOf(
  { settings, kernels, initrds }: BootLines,
  own: ReadonlyMap<string, string>,
): BootParts {
  const known = { get: (name: string) => own.get(name) ?? settings.get(name) };
  const room = { left: mostExpanded };
  const expand = (text: string): string => expanded(text, known, room, 0);
  const [line, ...others] = kernels.map(([url = "", ...args]) => ({ url, args }));
  const kernel = line === undefined ? "" : baseName(expand(line.url));
  if (line === undefined || others.length > 0 || kernel === "") {
    throw new SyncError(
      "boot.ipxe has not exactly one line with the kernel's arguments (imgargs or kernel), so they cannot be given to " +
        "other boot programs than iPXE",
    );
  }
  const args = line.args
    .map(expand)
    .flatMap((word) => word.split(/\s+/))
    // iPXE tells a kernel so which of its images the initramfs is; other programs do that themselves.
    .filter((word) => word !== "" && !word.startsWith("initrd="));
  return { kernel, initramfs: initrds.map(([url = ""]) => baseName(expand(url))), args };
}

/** @throws SyncError when settings name settings, which name others, without an end */
function expanded(
  text: string,
  known: { readonly get: (name: string) => string | undefined },
  room: { left: number },
  depth: number,
): string {
  if (depth > maxDepth) return "";
  return text.replace(/\$\{([^{}]*)\}/g, (_whole, name: string) => {
    const value = known.get(name.replace(/:.*/, "")) ?? "";
    room.left -= 1 + value.length;
    if (room.left >= 0) return expanded(value, known, room, depth + 1);
    throw new SyncError(
      "the settings of boot.ipxe name one another without an end, so it cannot be given to other boot programs than iPXE",
    );
  });
}

function baseName(url: string): string {
  return url.replace(/[?#].*$/, "").replace(/^.*\//, "");
}
