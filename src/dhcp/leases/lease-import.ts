import { fromText, printable, toHex } from "../../lib/bytes.ts";
import { parseIp4 } from "../../lib/ip4.ts";
import { parseMac } from "../../lib/mac.ts";
import type { Lease } from "./lease-table.ts";

/* The lease files of other DHCP servers. Later entries about an address go before earlier ones. */

const leaseFormats = ["isc", "dnsmasq", "kea"] as const;
export type LeaseFormat = (typeof leaseFormats)[number];

/** With our own journal, which `journal.ts` reads. */
export type ImportFormat = LeaseFormat | "journal";

/** In which network of ours a lease is shows when it is imported. */
type FoundLease = Omit<Lease, "network">;

/** What a lease file holds. Entries that are not in force, or of IPv6, are left out silently. */
export interface LeaseFile {
  readonly leases: readonly FoundLease[];
  /** Lines that could not be read, for people: `line 7: no address`. */
  readonly problems: readonly string[];
}

/** As long as a lease can be: 2^32 - 1 seconds stand for "forever" (RFC 2131 3.3). */
const FOREVER_MS = 0xffffffff * 1000;

export function detectLeaseFormat(text: string): ImportFormat {
  if (/^\{"crc":/m.test(text)) return "journal";
  if (/^address,hwaddr,/m.test(text)) return "kea";
  return /^lease\s+[0-9.]+\s*\{/m.test(text) ? "isc" : "dnsmasq";
}

/** @param nowMs milliseconds since the Unix epoch, for entries that do not say when they began or expire */
export function readLeaseFile(format: LeaseFormat, text: string, nowMs: number): LeaseFile {
  const found = new Map<string, FoundLease | null>();
  const problems: string[] = [];
  const read = { isc: readIsc, dnsmasq: readDnsmasq, kea: readKea }[format];
  read(text, nowMs, {
    lease: (lease) => void found.set(lease.address, lease),
    gone: (address) => void found.set(address, null),
    problem: (line, reason) => void problems.push(`line ${line}: ${reason}`),
  });
  return { leases: [...found.values()].filter((lease) => lease !== null), problems };
}

interface Sink {
  lease(lease: FoundLease): void;
  /** What an earlier entry said of the address no longer holds. */
  gone(address: string): void;
  problem(line: number, reason: string): void;
}

interface Entry {
  readonly address: string;
  readonly mac: string;
  readonly startedAtMs: number;
  readonly expiresAtMs: number;
  readonly hostname: string | null;
  readonly clientId: string | null;
}

function take(entry: Entry, line: number, sink: Sink): void {
  const address = parseIp4(entry.address);
  const mac = parseMac(entry.mac);
  if (address === null)
    return sink.problem(line, `"${printable(entry.address, 40)}" is no address`);
  if (mac === null) {
    return sink.problem(line, `"${printable(entry.mac, 40)}" is no Ethernet address`);
  }
  if (!Number.isFinite(entry.expiresAtMs))
    return sink.problem(line, "it does not say when it expires");
  const startedAtMs = Number.isFinite(entry.startedAtMs) ? entry.startedAtMs : entry.expiresAtMs;
  const hostname = entry.hostname === null ? null : printable(entry.hostname, 64);
  sink.lease({ ...entry, address, mac, state: "bound", startedAtMs, hostname });
}

/** ISC dhcpd's `dhcpd.leases`: blocks of statements. */
function readIsc(text: string, nowMs: number, sink: Sink): void {
  let [line, counted] = [1, 0];
  for (const block of text.matchAll(/^lease\s+(\S+)\s*\{([^}]*)\}/gm)) {
    const [, address = "", body = ""] = block;
    // From block to block: dhcpd appends for weeks, and to count from the beginning each time takes hours then.
    for (; counted < block.index; counted++) if (text[counted] === "\n") line += 1;
    const says = (pattern: RegExp): string | null => pattern.exec(body)?.[1] ?? null;
    const state = says(/^\s*binding state (\S+);/m) ?? "active";
    const mac = says(/^\s*hardware ethernet (\S+);/m);
    if (state !== "active" || mac === null) {
      sink.gone(address);
      continue;
    }
    const ends = says(/^\s*ends ([^;]+);/m) ?? "never";
    const uid = says(/^\s*uid "((?:[^"\\]|\\.)*)";/m);
    take(
      {
        address,
        mac,
        startedAtMs: iscTime(says(/^\s*starts ([^;]+);/m) ?? "", nowMs),
        expiresAtMs: ends.trim() === "never" ? nowMs + FOREVER_MS : iscTime(ends, Number.NaN),
        hostname: says(/^\s*client-hostname "([^"]*)";/m),
        clientId: uid === null ? null : toHex(unescapeIsc(uid)),
      },
      line,
      sink,
    );
  }
}

/** `4 2026/11/25 21:00:00` in UTC, or `epoch 1764104400`. */
function iscTime(text: string, otherwise: number): number {
  const epoch = /^\s*epoch (\d+)/.exec(text)?.[1];
  if (epoch !== undefined) return Number(epoch) * 1000;
  const parts = /(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)/.exec(text);
  if (parts === null) return otherwise;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** dhcpd writes bytes that are not printable as a backslash and three octal digits. */
function unescapeIsc(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, octal, escaped, plain] of text.matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gs)) {
    if (octal === undefined) bytes.push(...fromText(escaped ?? plain ?? ""));
    else bytes.push(Number.parseInt(octal, 8) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** dnsmasq's: `EXPIRY MAC ADDRESS HOSTNAME CLIENT-ID`, where `*` is none and 0 never. */
function readDnsmasq(text: string, nowMs: number, sink: Sink): void {
  for (const [index, line] of text.split("\n").entries()) {
    const [expiry = "", mac = "", address = "", hostname = "*", clientId = "*"] = line
      .trim()
      .split(/\s+/);
    // What follows a line `duid …` is of IPv6.
    if (expiry === "duid") return;
    if (expiry === "") continue;
    if (!/^\d+$/.test(expiry)) {
      sink.problem(index + 1, `"${printable(expiry, 40)}" is no time`);
      continue;
    }
    const seconds = Number(expiry);
    const entry = {
      address,
      mac,
      startedAtMs: nowMs,
      expiresAtMs: seconds === 0 ? nowMs + FOREVER_MS : seconds * 1000,
      hostname: hostname === "*" ? null : hostname,
      clientId: clientId === "*" ? null : hexDigits(clientId),
    };
    take(entry, index + 1, sink);
  }
}

/** Kea's memfile: comma-separated, with the names of the columns in the first line. */
function readKea(text: string, _nowMs: number, sink: Sink): void {
  const [header = "", ...lines] = text.split("\n");
  const columns = header.trim().split(",");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const cells = line.trim().split(",");
    const cell = (name: string): string => cells[columns.indexOf(name)] ?? "";
    const address = cell("address");
    const lifetime = Number(cell("valid_lifetime"));
    // State 0 is "assigned"; a lifetime of 0 marks a lease that was removed.
    if (cell("state") !== "0" || lifetime === 0) {
      sink.gone(address);
      continue;
    }
    const expiresAtMs = cell("expire") === "" ? Number.NaN : Number(cell("expire")) * 1000;
    const hostname = cell("hostname").replace(/\.$/, "");
    const entry = {
      address,
      mac: cell("hwaddr"),
      startedAtMs: expiresAtMs - lifetime * 1000,
      expiresAtMs,
      hostname: hostname === "" ? null : hostname,
      clientId: hexDigits(cell("client_id")),
    };
    take(entry, index + 2, sink);
  }
}

function hexDigits(text: string): string | null {
  const digits = text.replaceAll(":", "").toLowerCase();
  return /^([0-9a-f]{2}){1,255}$/.test(digits) ? digits : null;
}
