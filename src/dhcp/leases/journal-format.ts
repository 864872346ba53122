import { crc32 } from "node:zlib";
import { printable } from "../../lib/bytes.ts";
import type { HostMoment } from "../../lib/clock.ts";
import { DecodeError } from "../../lib/errors.ts";
import { parseIp4, parseSubnet } from "../../lib/ip4.ts";
import { correctTimes, type JournalEntry } from "./journal-times.ts";
import type { Lease, LeaseState } from "./lease-table.ts";

/*
 * What is in a journal of leases: lines of JSON with a checksum over the text of what they are about.
 *
 * {"crc":"89abcdef","lease":{…}} is one lease as it became. The last line about an address holds, and the last
 * one about a machine in a network.
 * {"crc":"89abcdef","clock":{…}} says by which clock the lines after it have their times; one is written at each
 * start and stop, and after the system's clock was set. Earlier versions did not.
 */

const LINE = /^\{"crc":"([0-9a-f]{8})","(lease|clock)":(\{.*\})\}$/;
const NEWLINE = 0x0a;
const states: readonly string[] = [
  "bound",
  "declined",
  "in-use",
  "released",
] satisfies LeaseState[];

/** What a journal holds. */
export interface Replay {
  /** In the order in which they were written, with times by the clock at the end; see `correctTimes`. */
  readonly leases: readonly Lease[];
  /** Lines that are not what was written; they were left out. */
  readonly damaged: readonly DecodeError[];
  /** Where the last whole line ends. What follows was being written when the power went. */
  readonly wholeBytes: number;
  /** By how much the system's clock was found to be set between the last line and `now`; 0: it was not. */
  readonly stepMs: number;
}

/**
 * The leases in the bytes of a journal. Total: damage is reported, not thrown.
 *
 * @param now the clock by which the leases are to have their times; null: the one of the last line
 */
export function replayJournal(bytes: Uint8Array, now: HostMoment | null = null): Replay {
  const entries: JournalEntry[] = [];
  const damaged: DecodeError[] = [];
  const decoder = new TextDecoder();
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(NEWLINE, at);
    if (end === -1) break;
    try {
      entries.push(decodeLine(decoder.decode(bytes.subarray(at, end)), at));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      damaged.push(error);
    }
    at = end + 1;
  }
  return { ...correctTimes(entries, now), damaged, wholeBytes: at };
}

/** @param writtenAtMs by the clock that the lease has its times by */
export function encodeLease(lease: Lease, writtenAtMs: number): string {
  const { mac, address, network, state, expiresAtMs, startedAtMs, hostname, clientId } = lease;
  // Field by field: for the whole object `JSON.stringify` takes three times as long, and each acknowledgement waits for it.
  return encodeLine(
    "lease",
    `{"mac":"${mac}","address":"${address}","network":${quoted(network)},"state":"${state}",` +
      `"expiresAtMs":${expiresAtMs},"startedAtMs":${startedAtMs},"hostname":${quoted(hostname)},` +
      `"clientId":${quoted(clientId)},"writtenAtMs":${writtenAtMs}}`,
  );
}

export function encodeMoment({ bootId, upMs, wallMs }: HostMoment): string {
  return encodeLine("clock", JSON.stringify({ bootId, upMs, wallMs }));
}

function quoted(text: string | null): string {
  return text === null ? "null" : JSON.stringify(text);
}

function encodeLine(what: "lease" | "clock", text: string): string {
  return `{"crc":"${checksum(text)}","${what}":${text}}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function decodeLine(line: string, offset: number): JournalEntry {
  const [, crc, what, text] = LINE.exec(line) ?? [];
  if (crc === undefined || text === undefined) {
    throw new DecodeError("journal", offset, `"${printable(line, 40)}" is no record`);
  }
  if (checksum(text) !== crc) throw new DecodeError("journal", offset, "the checksum is wrong");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DecodeError("journal", offset, "a record is not JSON");
  }
  const fields: Fields = typeof value === "object" && value !== null ? { ...value } : {};
  const entry = what === "clock" ? clockIn(fields) : leaseIn(fields);
  if (entry === null) throw new DecodeError("journal", offset, `a record is not a ${what}`);
  return entry;
}

type Fields = Partial<Record<string, unknown>>;

function clockIn({ bootId, upMs, wallMs }: Fields): JournalEntry | null {
  if (typeof upMs !== "number" || typeof wallMs !== "number") return null;
  return { kind: "clock", clock: { bootId: textOrNull(bootId) ?? null, upMs, wallMs } };
}

function leaseIn(fields: Fields): JournalEntry | null {
  const { mac, address, state, expiresAtMs, startedAtMs, writtenAtMs } = fields;
  const hostname = textOrNull(fields["hostname"]);
  const clientId = textOrNull(fields["clientId"]);
  if (typeof mac !== "string" || typeof address !== "string" || parseIp4(address) === null) {
    return null;
  }
  if (!isState(state) || !isTime(expiresAtMs) || !isTime(startedAtMs)) return null;
  if (hostname === undefined || clientId === undefined) return null;
  // Earlier versions did not write it.
  const network = textOrNull(fields["network"]) ?? null;
  const known = network === null || parseSubnet(network) === null ? null : network;
  const lease = { mac, address, network: known, state, expiresAtMs, startedAtMs };
  return {
    kind: "lease",
    lease: { ...lease, hostname, clientId },
    writtenAtMs: isTime(writtenAtMs) ? writtenAtMs : null,
  };
}

function isState(value: unknown): value is LeaseState {
  return typeof value === "string" && states.includes(value);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function textOrNull(value: unknown): string | null | undefined {
  return value === null || typeof value === "string" ? value : undefined;
}
