import { crc32 } from "node:zlib";
import { printable } from "../../lib/bytes.ts";
import { DecodeError } from "../../lib/errors.ts";
import { parseIp4 } from "../../lib/ip4.ts";
import type { Lease, LeaseState } from "./lease-table.ts";

/*
 * What is in a journal of leases. Each line is one lease as it became, with a checksum over the text of the
 * lease: {"crc":"89abcdef","lease":{…}}. The last line about an address holds, and the last one about a
 * machine in a network.
 */

const LINE = /^\{"crc":"([0-9a-f]{8})","lease":(\{.*\})\}$/;
const NEWLINE = 0x0a;
const states: readonly string[] = [
  "bound",
  "declined",
  "in-use",
  "released",
] satisfies LeaseState[];

/** What a journal holds. */
export interface Replay {
  /** In the order in which they were written. */
  readonly leases: readonly Lease[];
  /** Lines that are not what was written; they were left out. */
  readonly damaged: readonly DecodeError[];
  /** Where the last whole line ends. What follows was being written when the power went. */
  readonly wholeBytes: number;
}

/** The leases in the bytes of a journal. Total: damage is reported, not thrown. */
export function replayJournal(bytes: Uint8Array): Replay {
  const leases: Lease[] = [];
  const damaged: DecodeError[] = [];
  const decoder = new TextDecoder();
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(NEWLINE, at);
    if (end === -1) break;
    try {
      leases.push(decodeLine(decoder.decode(bytes.subarray(at, end)), at));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      damaged.push(error);
    }
    at = end + 1;
  }
  return { leases, damaged, wholeBytes: at };
}

export function encodeLine(lease: LeaseRecord): string {
  const text = JSON.stringify(lease);
  return `{"crc":"${checksum(text)}","lease":${text}}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function decodeLine(line: string, offset: number): Lease {
  const [, crc, text] = LINE.exec(line) ?? [];
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
  if (!isRecord(value)) throw new DecodeError("journal", offset, "a record is not a lease");
  return { ...value, network: value.network ?? null };
}

/** A lease as this version writes it, or a former one, which did not write the network. */
type LeaseRecord = Omit<Lease, "network"> & { network?: string | null | undefined };

function isRecord(value: unknown): value is LeaseRecord {
  if (typeof value !== "object" || value === null) return false;
  const fields: Partial<Record<string, unknown>> = { ...value };
  return (
    typeof fields["mac"] === "string" &&
    typeof fields["address"] === "string" &&
    parseIp4(fields["address"]) !== null &&
    typeof fields["state"] === "string" &&
    states.includes(fields["state"]) &&
    Number.isFinite(fields["expiresAtMs"]) &&
    Number.isFinite(fields["startedAtMs"]) &&
    isTextOrNull(fields["hostname"]) &&
    isTextOrNull(fields["clientId"]) &&
    isTextOrNull(fields["network"] ?? null)
  );
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}
