import type { IncomingHttpHeaders } from "node:http";
import { type Beginning, isPartOf, type KnownVersion, partValidator } from "../file-version.ts";

/** Conditional requests and parts of files (RFC 9110 13 and 14), without the connection. */

/**
 * Another eim-pxe's tag is the SHA-256 itself, so it can be asked for where the origin's own validators
 * are not known. Beside a date it must not be: If-None-Match has If-Modified-Since passed over (RFC 9110
 * 13.1.3), and an origin without tags would send everything each time.
 */
export function conditions(known: KnownVersion | null): Record<string, string> {
  const { etag = null, lastModified = null, sha256 = null } = known ?? {};
  const tag = etag ?? (lastModified === null && sha256 !== null ? `"${sha256}"` : null);
  return {
    ...(tag === null ? {} : { "if-none-match": tag }),
    ...(lastModified === null ? {} : { "if-modified-since": lastModified }),
  };
}

/**
 * Whether a 304 tells of another version than the one that was asked about. Most servers take
 * If-Modified-Since for "not newer than", so a file that went back to an older date is "not modified".
 */
export function contradicts(headers: IncomingHttpHeaders, known: KnownVersion): boolean {
  const { etag, "last-modified": lastModified } = headers;
  if (etag !== undefined && known.etag !== null) return weakly(etag) !== weakly(known.etag);
  return (
    lastModified !== undefined && known.lastModified !== null && lastModified !== known.lastModified
  );
}

/** If-None-Match compares tags without their `W/` (RFC 9110 13.1.2). */
function weakly(tag: string): string {
  return tag.replace(/^W\//, "");
}

/** Asks for what is missing, if the origin still has that version. */
export function rangeHeaders(beginning: Beginning | null): Record<string, string> {
  const validator = beginning === null ? null : partValidator(beginning.version);
  if (beginning === null || validator === null || beginning.bytes === 0) return {};
  return { range: `bytes=${beginning.bytes}-`, "if-range": validator };
}

/** A part of a file. */
export interface Part {
  /** Offsets of its first and of its last byte. */
  readonly first: number;
  readonly last: number;
  /** Bytes of the whole file. */
  readonly size: number;
}

/**
 * The part that a 206 brings; null unless it goes on exactly where the beginning ends, and the answer
 * itself says that it is of the same version (RFC 9110 15.3.7.3): caches pass over If-Range, and begin at
 * the bounds of their blocks. It may end before the file does.
 */
export function partIn(headers: IncomingHttpHeaders, beginning: Beginning | null): Part | null {
  const { etag = null, "last-modified": lastModified = null } = headers;
  if (beginning === null || !isPartOf(beginning.version, { etag, lastModified })) return null;
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers["content-range"] ?? "");
  if (range === null) return null;
  const [first = 0, last = 0, size = 0] = range.slice(1).map(Number);
  const isNext = first === beginning.bytes && first <= last && last < size;
  const isSameFile = beginning.size === null || beginning.size === size;
  const length = headers["content-length"] ?? String(last - first + 1);
  return isNext && isSameFile && Number(length) === last - first + 1 ? { first, last, size } : null;
}
