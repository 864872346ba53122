/** What a boot script would have iPXE fetch, in order, with its variables filled in. */
export interface ScriptDownloads {
  readonly kernelUrl: string;
  readonly initrdUrl: string;
  /** The kernel's arguments. */
  readonly kernelArguments: string;
}

/** iPXE's settings, such as `mac` and `net0/ip`. */
export type ScriptSettings = Readonly<Record<string, string>>;

/**
 * Follows the straight way through a boot script: `set` lines, then the first kernel
 * (`kernel`, `imgfetch`) and the first `initrd`. Branches and labels are not followed.
 *
 * @returns null when the script fetches no kernel or no initrd
 */
export function readDownloads(script: string, given: ScriptSettings): ScriptDownloads | null {
  let kernelUrl: string | null = null;
  let initrdUrl: string | null = null;
  let kernelArguments = "";
  for (const { command, rest } of straightWay(script, given)) {
    if ((command === "kernel" || command === "imgfetch") && rest[0] !== undefined) {
      kernelUrl ??= rest[0];
      if (command === "kernel") kernelArguments ||= rest.slice(1).join(" ");
    } else if (command === "initrd" && rest[0] !== undefined) {
      initrdUrl ??= rest[0];
    } else if (command === "imgargs") {
      kernelArguments ||= rest.slice(1).join(" ");
    }
  }
  return kernelUrl === null || initrdUrl === null
    ? null
    : { kernelUrl, initrdUrl, kernelArguments };
}

/** What a script fetches besides kernel and initramfs before it boots: reports to the server. */
export function readReports(script: string, given: ScriptSettings): readonly string[] {
  const reports: string[] = [];
  for (const { command, rest } of straightWay(script, given)) {
    if (/^(boot|exit|shell)$/.test(command)) break;
    // The other words are values of `--timeout` and `--name`.
    const target = rest.find((word) => word.includes("/")) ?? "";
    if (command === "imgfetch" && /\/events\?/.test(target)) reports.push(target);
  }
  return reports;
}

/** What a script that only hands over to another one runs: the target of its first `chain`, or null. */
export function readChain(script: string, given: ScriptSettings): string | null {
  for (const { command, rest } of straightWay(script, given)) {
    // The number is the value of `--timeout`.
    if (command === "chain") return rest.find((word) => !/^\d+$/.test(word)) ?? null;
  }
  return null;
}

/** Characters that the variables of one line may bring: a script may double what it has with each line. */
const mostExpanded = 64 * 1024;

/** The first command of each line, with variables filled in and flags left out. */
function* straightWay(
  script: string,
  given: ScriptSettings,
): Generator<{ readonly command: string; readonly rest: readonly string[] }> {
  const variables = new Map(Object.entries(given));
  const expand = (text: string) => {
    let room = mostExpanded;
    return text.replace(/\$\{([^}:]+)(:[a-z0-9]+)?\}/g, (_, name: string) => {
      const value = variables.get(name) ?? "";
      room -= value.length;
      return room < 0 ? "" : value;
    });
  };
  for (const line of script.replaceAll(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const words = expand(line.replace(/\s(\|\||&&)(\s.*)?$/, ""))
      .trim()
      .split(/\s+/);
    const [command = "", ...rest] = words.filter((word) => !word.startsWith("--"));
    if (command === "set" && rest[0] !== undefined) {
      variables.set(rest[0].replace(/:.*$/, ""), rest.slice(1).join(" "));
    } else {
      yield { command, rest };
    }
  }
}
