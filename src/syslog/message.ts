import { printable } from "../lib/bytes.ts";

/*
 * One line of a machine's log as it comes by UDP: RFC 5424, RFC 3164, and what is sent in their place (iPXE: no time;
 * syslog(3) behind busybox: no host; rsyslog: RFC 3339 times; netconsole: nothing but text). Every datagram is a line:
 * what cannot be told apart is text.
 */

/** As in logger(1), by number. RFC 5424 6.2.1. */
export const facilities = [
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "syslog",
  "lpr",
  "news",
  "uucp",
  "cron",
  "authpriv",
  "ftp",
  "ntp",
  "audit",
  "alert",
  "clock",
  "local0",
  "local1",
  "local2",
  "local3",
  "local4",
  "local5",
  "local6",
  "local7",
] as const;

/** As in logger(1), by number. */
export const severities = [
  "emerg",
  "alert",
  "crit",
  "err",
  "warning",
  "notice",
  "info",
  "debug",
] as const;

/** All texts are printable ASCII, and cut. */
export interface SyslogMessage {
  readonly facility: (typeof facilities)[number];
  readonly severity: (typeof severities)[number];
  /** What the machine calls itself. */
  readonly host: string | null;
  /** The program that wrote the line (RFC 3164: the tag). */
  readonly app: string | null;
  readonly procid: string | null;
  readonly msgid: string | null;
  /** RFC 5424's structured data as it was sent. */
  readonly data: string | null;
  /** Empty where nothing is said. */
  readonly text: string;
}

/** So much of a datagram is read. RFC 5424 6.1: receivers should take 2048. */
const MOST_BYTES = 2048;
/** Characters of the text that are kept. */
export const longestText = 480;
/** The same of each other field. */
const longestField = 64;
/** RFC 3164 4.3.3: what has no priority counts as user, notice. */
const USUAL_PRIORITY = 13;

/** ECMA-48: colours and the like, as consoles are sent. */
const controlSequence = /\p{Cc}\[[0-?]*[ -/]*[@-~]/gu;
const ESCAPE = "\u001B";
/** RFC 5424 6.2.1: 0 to 191, without zeros ahead. */
const priorityOf = /^<(0|[1-9]\d{0,2})>/;
const structured =
  /^1 (\S{1,48}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: ([\s\S]*))?$/;
/** RFC 3164 4.1.2, with a day of one digit in either form, and RFC 3339 as rsyslog's forwarding has it. */
const time =
  /^(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,6})?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))(?::? |$)/;
const tag = /^([A-Za-z0-9_./@()-]{1,48})(?:\[([^\]\s]{0,32})\])?:(?: |$)/;
const hostName = /^([A-Za-z0-9_.:-]{1,255}) /;

export function parseSyslog(datagram: Uint8Array): SyslogMessage {
  const whole = new TextDecoder().decode(datagram.subarray(0, MOST_BYTES));
  const line = trimmed(
    whole.replaceAll(controlSequence, (found) => (found.startsWith(ESCAPE) ? "" : found)),
  );
  const [mark = "", digits = ""] = priorityOf.exec(line) ?? [];
  const priority = Number(digits);
  if (mark === "" || priority > 191) return { ...levelOf(USUAL_PRIORITY), ...onlyText(line) };
  const rest = line.slice(mark.length);
  return { ...levelOf(priority), ...(structuredLine(rest) ?? plainLine(rest)) };
}

type Line = Omit<SyslogMessage, "facility" | "severity">;

function levelOf(priority: number): Pick<SyslogMessage, "facility" | "severity"> {
  return {
    facility: facilities[priority >> 3] ?? "user",
    severity: severities[priority & 7] ?? "notice",
  };
}

/** RFC 5424 6; null: it is not of that form. */
function structuredLine(line: string): Line | null {
  const match = structured.exec(line);
  if (match === null) return null;
  const [, , host = "-", app = "-", procid = "-", msgid = "-", data = "-", text = ""] = match;
  return {
    host: said(host),
    app: said(app),
    procid: said(procid),
    msgid: said(msgid),
    data: said(data, longestText),
    // 6.4: a byte order mark says that it is UTF-8.
    text: safeText(text.replace(/^\uFEFF/, "")),
  };
}

/** RFC 3164 4.1, and what is like it. */
function plainLine(line: string): Line {
  const [stamp = ""] = time.exec(line) ?? [];
  const rest = line.slice(stamp.length);
  const own = tag.exec(rest);
  if (own !== null) return taggedLine(null, own, rest);
  const [head = "", host = ""] = hostName.exec(rest) ?? [];
  const behind = rest.slice(head.length);
  const named = head === "" ? null : tag.exec(behind);
  if (named !== null) return taggedLine(host, named, behind);
  // Behind a time the host follows (4.1.2), whatever comes then.
  return stamp === "" || head === "" ? onlyText(rest) : { ...onlyText(behind), host: said(host) };
}

function taggedLine(
  host: string | null,
  [head, app = "", procid = ""]: RegExpExecArray,
  line: string,
): Line {
  return {
    ...onlyText(line.slice(head.length)),
    host: host === null ? null : said(host),
    app: said(app),
    procid: procid === "" ? null : said(procid),
  };
}

function onlyText(text: string): Line {
  return { host: null, app: null, procid: null, msgid: null, data: null, text: safeText(text) };
}

/** RFC 5424 6: `-` says nothing. */
function said(text: string, limit = longestField): string | null {
  return text === "-" ? null : printable(text, limit);
}

function safeText(text: string): string {
  return printable(trimmed(text).replaceAll("\t", " "), longestText);
}

/** Without blanks, line ends and NULs around it. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (end > start && isBlank(text, end - 1)) end -= 1;
  while (start < end && isBlank(text, start)) start += 1;
  return text.slice(start, end);
}

function isBlank(text: string, at: number): boolean {
  return text.charCodeAt(at) <= 0x20;
}
