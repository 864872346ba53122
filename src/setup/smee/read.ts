import { ConfigError } from "../../lib/errors.ts";
import type { SmeeFlags, SmeeLine } from "./outcome.ts";

/* SMEE's settings as they were given to it: flags of its command line, or environment variables. */

export interface SmeeInput {
  readonly flags: SmeeFlags;
  /** Null where nothing tells. */
  readonly line: SmeeLine | null;
  /** What of it cannot be told, and is to be said. */
  readonly notes?: readonly string[];
}

/** Flags that only the standalone program has. */
const onlyStandalone: ReadonlySet<string> = new Set([
  "dhcp-addr",
  "dhcp-iface",
  "dhcp-http-ipxe-binary-url",
  "dhcp-http-ipxe-script-url",
  "extra-kernel-args",
  "osie-url",
  "tink-server",
  "tftp-addr",
  "http-addr",
  "iso-url",
  "iso-magic-string",
  "syslog-addr",
  "backend-kube-enabled",
  "backend-file-enabled",
  "backend-noop-enabled",
  "ipxe-script-patch",
]);

/** Those that only the monorepo's has. */
const onlyCurrent: ReadonlySet<string> = new Set([
  "dhcp-bind-interface",
  "dhcp-bind-addr",
  "ipxe-override-arch-mapping",
  "public-ipv4",
  "public-ip",
  "bind-address",
  "backend",
  "tftp-server-enabled",
]);

/** Names of 2026, which end in -v4: the former ones, by which the rows go. `-v6` stays and is noted. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/-v4$/, "");
}

/** `--name=value`, `-name value`, `--switch`. */
export function readFlags(words: readonly string[]): SmeeInput {
  const flags = new Map<string, string>();
  let line: SmeeLine | null = null;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const found = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
    if (found === null) {
      throw new ConfigError([
        `"${word}" is no flag of SMEE; write them behind --, such as: eim-pxe import smee -- --dhcp-mode=proxy`,
      ]);
    }
    const [, written = "", inline] = found;
    const next = words[at + 1];
    const hasNext = inline === undefined && next !== undefined && !/^--?[A-Za-z]/.test(next);
    if (hasNext) at++;
    if (/-v[46]$/.test(written)) line ??= "smee";
    flags.set(canonicalName(written), inline ?? (hasNext ? next : "true"));
  }
  return { flags, line: line ?? lineOf(flags) };
}

/** A file of `NAME=value` lines, as of systemd, Docker or a shell. */
export function parseEnvironment(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, name, raw = ""] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) continue;
    const quoted = /^(["'])(.*?)\1(?:\s+#.*)?$/.exec(raw);
    found[name] = quoted === null ? raw.replace(/\s+#.*$/, "") : (quoted[2] ?? "");
  }
  return found;
}

/** The variables that SMEE reads: `SMEE_…` of the standalone program, `TINKERBELL_…` of the monorepo's. */
export function readVariables(
  environment: Readonly<Record<string, string | undefined>>,
): SmeeInput {
  const flags = new Map<string, string>();
  let line: SmeeLine | null = null;
  for (const [name, value = ""] of Object.entries(environment)) {
    const found = /^(SMEE|TINKERBELL)_(\w+)$/.exec(name);
    if (found === null) continue;
    const [, prefix, rest = ""] = found;
    line = prefix === "SMEE" ? "smee-standalone" : "smee";
    const flag = canonicalName(rest.toLowerCase().replaceAll("_", "-"));
    // An explicit -v4 wins over the former name, as in SMEE.
    if (flags.has(flag) && !/_V4$/i.test(name)) continue;
    flags.set(flag, value);
  }
  return { flags, line };
}

export function lineOf(flags: SmeeFlags): SmeeLine | null {
  const names = [...flags.keys()];
  if (names.some((name) => onlyStandalone.has(name))) return "smee-standalone";
  return names.some((name) => onlyCurrent.has(name)) ? "smee" : null;
}
