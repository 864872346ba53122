import { concat, fromHex } from "../lib/bytes.ts";

/*
 * W3C trace contexts (Trace Context, 3.2), which SMEE appends to the names of loaders so that a download
 * continues the trace of the DHCP packet that named it.
 */

export interface TraceContext {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** 16 hex digits, not all zero. */
  readonly parentId: string;
  readonly sampled: boolean;
}

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a `traceparent`. Null for what is to be ignored (3.2.2): another form, version ff, ids of zeros.
 * Of a later version the first four fields count, whatever follows them; version 00 has nothing there.
 */
export function parseTraceparent(text: string): TraceContext | null {
  const [, version, traceId = "", parentId = "", flags = "", more] = traceparent.exec(text) ?? [];
  if (version === undefined || version === "ff") return null;
  if (version === "00" && more !== undefined) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** As text, version 00; of the flags only "sampled" has a meaning. */
export function formatTraceparent({ traceId, parentId, sampled }: TraceContext): string {
  return `00-${traceId}-${parentId}-${sampled ? "01" : "00"}`;
}

/** The same in 26 bytes: version, trace, parent and flags. */
export function traceparentBytes({ traceId, parentId, sampled }: TraceContext): Uint8Array {
  const ids = fromHex(`${traceId}${parentId}`) ?? new Uint8Array(24);
  return concat([Uint8Array.of(0), ids, Uint8Array.of(sampled ? 1 : 0)]);
}

/** Greedy, and what follows the context does not count, as SMEE's servers read it. */
const named = /^(.*)-[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/is;
/** A context behind a loader's suffix that the 127 bytes of the DHCP header's `file` cut off. */
const cutOff =
  /^(.+\.k{0,3}(?:efi|pxe))-([0-9a-f]?|[0-9a-f]{2}(-([0-9a-f]{0,31}|[0-9a-f]{32}(-([0-9a-f]{0,15}|[0-9a-f]{16}(-[0-9a-f]?)?))?))?)$/is;

/** The trace context that was appended to a name; null: none, or ids of zeros. SMEE takes every one for sampled. */
export function traceIn(name: string): TraceContext | null {
  const [, , traceId = "", parentId = ""] = named.exec(name) ?? [];
  if (traceId === "" || /^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return { traceId: traceId.toLowerCase(), parentId: parentId.toLowerCase(), sampled: true };
}

/** What an event says of a name that was asked for; nothing where no trace is appended to it. */
export function tracedBy(name: string): { readonly traceparent?: string } {
  const trace = traceIn(name);
  return trace === null ? {} : { traceparent: formatTraceparent(trace) };
}

/** The name that a trace context was appended to; a name without one, or with ids of zeros, as it is. */
export function withoutTraceparent(name: string): string {
  const [, before, traceId = "", parentId = ""] = named.exec(name) ?? [];
  if (before === undefined) return cutOff.exec(name)?.[1] ?? name;
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? name : before;
}
