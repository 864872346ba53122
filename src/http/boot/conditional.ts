import type { FastifyRequest } from "fastify";

type Headers = FastifyRequest["headers"];

/** What can be served under one URL now. */
export interface Representation {
  /** Length in bytes. */
  readonly size: number;
  /** A strong entity tag with its quotes: it changes whenever a byte does. */
  readonly etag: string;
  /** Milliseconds since the Unix epoch. */
  readonly modifiedMs: number;
}

/** What a request's headers leave to be sent. `first` and `last` are byte positions, both included. */
export type Selection =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "not-modified" }
  | { readonly kind: "precondition-failed" }
  | { readonly kind: "unsatisfiable" };

/** Evaluates conditions and range in the order of RFC 9110 13.2.2. What is malformed counts as absent. */
export function selectBytes(
  method: string,
  headers: Headers,
  representation: Representation,
): Selection {
  if (failsPrecondition(headers, representation)) return { kind: "precondition-failed" };
  if (isNotModified(headers, representation)) return { kind: "not-modified" };
  // RFC 9110 14.2: Range is defined for GET only.
  if (method !== "GET" || headers.range === undefined) return { kind: "whole" };
  if (!rangeApplies(headers["if-range"], representation)) return { kind: "whole" };
  return parseRange(headers.range, representation.size);
}

function failsPrecondition(headers: Headers, now: Representation): boolean {
  const ifMatch = headers["if-match"];
  // RFC 9110 13.1.1: strong comparison, so a tag of the form W/"…" never matches.
  if (ifMatch !== undefined) return !listsTag(ifMatch, (tag) => tag === now.etag);
  const since = parseDate(headers["if-unmodified-since"]);
  return since !== null && wholeSeconds(now.modifiedMs) > since;
}

function isNotModified(headers: Headers, now: Representation): boolean {
  const ifNoneMatch = headers["if-none-match"];
  // RFC 9110 13.1.2: weak comparison.
  if (ifNoneMatch !== undefined) {
    return listsTag(ifNoneMatch, (tag) => tag.replace(/^W\//, "") === now.etag);
  }
  const since = parseDate(headers["if-modified-since"]);
  return since !== null && wholeSeconds(now.modifiedMs) <= since;
}

function listsTag(header: string, matches: (tag: string) => boolean): boolean {
  return header.trim() === "*" || header.split(",").some((tag) => matches(tag.trim()));
}

function rangeApplies(ifRange: unknown, now: Representation): boolean {
  if (ifRange === undefined) return true;
  if (typeof ifRange !== "string") return false;
  if (ifRange.includes('"')) return ifRange.trim() === now.etag;
  return parseDate(ifRange) === wholeSeconds(now.modifiedMs);
}

/** One range of bytes; several at once, other units and malformed ones get the whole (RFC 9110 14.2). */
function parseRange(header: string, size: number): Selection {
  const match = /^\s*bytes\s*=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header);
  const from = match?.[1] ?? "";
  const to = match?.[2] ?? "";
  if (from === "" && to === "") return { kind: "whole" };
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0
      ? { kind: "unsatisfiable" }
      : { kind: "part", first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < first) return { kind: "whole" };
  return first >= size ? { kind: "unsatisfiable" } : { kind: "part", first, last };
}

/** An HTTP date in milliseconds since the Unix epoch. */
function parseDate(header: string | undefined): number | null {
  if (header === undefined) return null;
  const parsed = Date.parse(header);
  return Number.isNaN(parsed) ? null : parsed;
}

/** HTTP dates know no fractions of a second. */
function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
