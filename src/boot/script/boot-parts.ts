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

/**
 * Reads from the orchestrator's `boot.ipxe` what iPXE would boot by it: the files that it fetches from `download-url`,
 * and the words behind `imgargs` or `kernel`.
 *
 * @param settings iPXE's own, such as `mac`; what is not among them, and not set by the script, is empty, as in iPXE
 * @throws SyncError when the script is not of the known form
 */
export function bootPartsOf(script: string, settings: ReadonlyMap<string, string>): BootParts {
  const commands = commandsOf(script).map(({ words }) => words.map(({ text }) => text));
  const known = new Map<string, string>();
  for (const [name, setting = "", ...value] of commands) {
    // What a loop sets again is not looked at: the first value is the one to begin with.
    const plain = setting.replace(/:.*/, "");
    if (name === "set" && !known.has(plain)) known.set(plain, value.join(" "));
  }
  for (const [name, value] of settings) known.set(name, value);
  const expand = (text: string): string => expanded(text, known, 0);
  const fetched = (...names: readonly string[]) =>
    commands
      .filter(([name = ""]) => names.includes(name))
      .map((words) => words.slice(1).filter((word) => !word.startsWith("--")))
      .map(([url = "", ...args]) => ({ url: expand(url), args }));
  const [line, ...others] = fetched("imgargs", "kernel");
  const kernel = line === undefined ? "" : baseName(line.url);
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
  return { kernel, initramfs: fetched("initrd").map(({ url }) => baseName(url)), args };
}

function expanded(text: string, known: ReadonlyMap<string, string>, depth: number): string {
  if (depth > maxDepth) return "";
  return text.replace(/\$\{([^{}]*)\}/g, (_whole, name: string) =>
    expanded(known.get(name.replace(/:.*/, "")) ?? "", known, depth + 1),
  );
}

function baseName(url: string): string {
  return url.replace(/[?#].*$/, "").replace(/^.*\//, "");
}
