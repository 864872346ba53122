import { SyncError } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { beacon, failureReport, keepError } from "./failure-report.ts";
import { type ImageTrust, trustLines, unknownForm } from "./image-trust.ts";
import {
  applyEdits,
  commandsOf,
  type Edit,
  type ScriptCommand,
  type ScriptWord,
} from "./ipxe-syntax.ts";
import { retryBlock } from "./retry.ts";
import { syslogLines } from "./syslog.ts";
import type { TraceContext } from "../trace-context.ts";
import { type KernelTiming, timingWords, traceWords } from "./timings.ts";

/** How often a machine runs the orchestrator's script before it restarts. */
const SCRIPT_ATTEMPTS = 3;

export interface ScriptRewrite {
  /** Where machines fetch kernel and initramfs from, without a slash at the end. */
  readonly downloadUrl: string;
  /** Where a failure is reported to; null for no report. */
  readonly eventsUrl: string | null;
  /** Where machines' logs are taken; null or absent: nowhere. */
  readonly syslog?: Ip4 | null;
  /** Appended to the kernel's command line, in this order. */
  readonly kernelArgs: readonly string[];
  /** Appended as `s_eim_NAME=TIME`: the Micro-OS reports every `s_…` in its statistics. */
  readonly timings?: readonly KernelTiming[];
  /** What is done about signatures; absent: nothing. */
  readonly trust?: ImageTrust;
  /** The boot's trace, appended as `traceparent=…`, so that the Micro-OS can go on with it; null or absent: none. */
  readonly trace?: TraceContext | null;
}

/** The orchestrator's script, with the places where it is changed. */
export interface OrchestratorScript {
  readonly text: string;
  readonly commands: readonly ScriptCommand[];
  readonly endOfLine: "\n" | "\r\n";
  /** `set download-url …` */
  readonly downloadLines: readonly ScriptCommand[];
  /** `imgargs …` or `kernel …` */
  readonly kernelLines: readonly ScriptCommand[];
  /** The words `boot` and `shell`, as commands. */
  readonly boots: readonly ScriptWord[];
  readonly shells: readonly ScriptWord[];
}

/** @throws SyncError when the text is not an iPXE script */
export function parseOrchestratorScript(text: string): OrchestratorScript {
  requireScript(text);
  const commands = commandsOf(text);
  const named = (name: string) =>
    commands.flatMap(({ words: [word] }) => (word?.text === name ? [word] : []));
  return {
    text,
    commands,
    endOfLine: text.includes("\r\n") ? "\r\n" : "\n",
    downloadLines: commands.filter(
      ({ words: [name, setting] }) =>
        name?.text === "set" && setting?.text.replace(/:.*/, "") === "download-url",
    ),
    kernelLines: commands.filter(({ words }) => /^(imgargs|kernel)$/.test(words[0]?.text ?? "")),
    boots: named("boot"),
    shells: named("shell"),
  };
}

/**
 * The orchestrator's `boot.ipxe` as machines of this site get it: the same script, fetching from
 * here, with a start time for the orchestrator's statistics, and with retry and restart in place of
 * the iPXE shell where it would stand still until somebody comes. Every other byte stays.
 *
 * @throws SyncError when the script is not of the known form
 */
export function rewriteScript(script: OrchestratorScript, how: ScriptRewrite): string {
  return preparedScript(script, how)(how.timings ?? [], how.trace ?? null);
}

/** What differs from machine to machine, as words of the kernel's command line. */
export type WithMachine = (timings: readonly KernelTiming[], trace: TraceContext | null) => string;

/**
 * The same where only timings and trace differ from time to time.
 *
 * @throws SyncError when the script is not of the known form
 */
export function preparedScript(
  script: OrchestratorScript,
  how: Omit<ScriptRewrite, "timings" | "trace">,
): WithMachine {
  // No script that iPXE can read has a NUL.
  const place = "\0timings\0";
  const [before = "", after] = rewritten(script, how, place).split(place);
  return (timings, trace) => {
    if (after === undefined) return before;
    return `${before}${timingWords(timings)}${traceWords(trace)}${after}`;
  };
}

function rewritten(
  script: OrchestratorScript,
  how: Omit<ScriptRewrite, "timings" | "trace">,
  place: string,
): string {
  const { text, endOfLine } = script;
  const edits = [
    downloadUrlEdit(script, how.downloadUrl),
    ...kernelArgEdits(script, how.kernelArgs),
    ...timingEdits(script, place),
    ...bootEdits(script, how.eventsUrl, how.trust ?? "none"),
    ...shellEdits(script),
  ];
  const [firstLine, body] = splitFirstLine(applyEdits(text, edits));
  return [
    firstLine,
    ...prologue(how.syslog ?? null),
    withoutLastLineEnds(body),
    // Where the script ran off its end it keeps ending there.
    "exit 0",
    ...failureBlock(how.eventsUrl),
    "",
  ].join(endOfLine);
}

/** @throws SyncError when the text is not an iPXE script of the known form */
export function rewriteOrchestratorScript(text: string, how: ScriptRewrite): string {
  return rewriteScript(parseOrchestratorScript(text), how);
}

/** Ahead of the orchestrator's own first command. */
const prologue = (syslog: Ip4 | null): readonly string[] => [
  ...syslogLines(syslog),
  "set eim-try:int32 0",
  // Only the orchestrator's own loader sets these; the Micro-OS prints them in its statistics.
  "isset ${network_scan_start} || set network_scan_start ${unixtime} ||",
  "isset ${network_scan_end} || set network_scan_end ${unixtime} ||",
  ":eim-again",
];

function failureBlock(eventsUrl: string | null): string[] {
  return [
    ":eim-failed",
    keepError,
    "echo eim-pxe: the Micro-OS could not be started from ${download-url} (${eim-errno})",
    "inc eim-try",
    ...(eventsUrl === null ? [] : failureReport(eventsUrl)),
    ...retryBlock(SCRIPT_ATTEMPTS),
  ];
}

function downloadUrlEdit({ downloadLines: found }: OrchestratorScript, downloadUrl: string): Edit {
  const [line, ...others] = found;
  const value = line?.words[2];
  if (value === undefined || line?.words.length !== 3 || others.length > 0) {
    const seen = found.length === 1 ? "one without a single URL" : `${found.length}`;
    throw new SyncError(
      `boot.ipxe must have exactly one line "set download-url URL" and has ${seen}, so it cannot be told ` +
        "to fetch from here. The orchestrator's release may be newer than this program: compare its " +
        "boot.ipxe with the one described in the documentation.",
    );
  }
  return { start: value.start, end: value.end, replacement: downloadUrl };
}

function kernelArgEdits(
  { kernelLines: found }: OrchestratorScript,
  kernelArgs: readonly string[],
): readonly Edit[] {
  if (kernelArgs.length === 0) return [];
  for (const arg of kernelArgs) {
    if (/[\r\n\0]|\\$|(^|\s)(#|(\|\||&&|;)(\s|$))/.test(arg)) {
      throw new SyncError(
        `the kernel argument ${JSON.stringify(arg)} (boot.kernelArgs) cannot be written in an iPXE script: ` +
          "line breaks, a backslash at the end, words that begin with # and the words || && ; have a meaning " +
          "of their own there.",
      );
    }
  }
  const last = found[0]?.words.at(-1);
  if (found.length !== 1 || last === undefined) {
    throw new SyncError(
      `boot.ipxe has ${found.length} lines with the kernel's arguments (imgargs or kernel) where exactly ` +
        "one is expected, so the arguments of boot.kernelArgs cannot be added. Remove them, or compare the " +
        "orchestrator's boot.ipxe with the one described in the documentation.",
    );
  }
  return [{ start: last.end, end: last.end, replacement: ` ${kernelArgs.join(" ")}` }];
}

/** No reason to fail. */
function timingEdits({ kernelLines }: OrchestratorScript, place: string): readonly Edit[] {
  const [line, ...others] = kernelLines;
  const last = line?.words.at(-1);
  if (last === undefined || others.length > 0) return [];
  return [{ start: last.end, end: last.end, replacement: place }];
}

/** Right before the kernel starts: whether its files are what was signed, and a report; from here on only the Micro-OS can tell. */
function bootEdits(
  { text, boots, commands, endOfLine }: OrchestratorScript,
  eventsUrl: string | null,
  trust: ImageTrust,
): readonly Edit[] {
  const [at, ...others] = boots.map(({ start }) => start);
  // In the middle of a line it would take the command out of its condition.
  const isKnown = at !== undefined && beginsLine(text, at) && others.length === 0;
  if (!isKnown && trust !== "none") {
    throw unknownForm("it has not exactly one command boot, at the beginning of a line");
  }
  if (!isKnown) return [];
  const lines = [
    ...trustLines(commands, trust, eventsUrl),
    ...(eventsUrl === null ? [] : beacon(eventsUrl, "booting")),
  ];
  const replacement = lines.map((line) => `${line}${endOfLine}`).join("");
  return lines.length === 0 ? [] : [{ start: at, end: at, replacement }];
}

/** Whether nothing but blanks is between the line's beginning and `at`. */
function beginsLine(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && (text[before] === " " || text[before] === "\t")) before -= 1;
  return before < 0 || text[before] === "\n";
}

function shellEdits({ shells }: OrchestratorScript): readonly Edit[] {
  return shells.map(({ start, end }) => ({ start, end, replacement: "goto eim-failed" }));
}

function withoutLastLineEnds(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === "\n" || text[end - 1] === "\r")) end -= 1;
  return text.slice(0, end);
}

/** @throws SyncError when the text is no iPXE script */
export function requireScript(text: string, name = "boot.ipxe"): void {
  if (/^#!ipxe\s/.test(text)) return;
  const seen = /^\s*<(!doctype|html|head|\?xml)/i.test(text)
    ? "it is an HTML page, as a proxy, a login page or a wrong address gives"
    : `it begins with ${JSON.stringify(text.slice(0, 16))}`;
  throw new SyncError(`${name} is not an iPXE script (its first line must be #!ipxe): ${seen}.`);
}

export function splitFirstLine(text: string): [string, string] {
  const at = text.indexOf("\n");
  return at === -1
    ? [text.trimEnd(), ""]
    : [text.slice(0, at).replace(/\r$/, ""), text.slice(at + 1)];
}
