import { STATUS_CODES, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";

/** One version of a file, as a web server sees it. */
export interface ServedVersion {
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
}

export interface StaticReply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** The bytes of the file to send, both ends included; null for an error page or none. */
  readonly range: { readonly first: number; readonly last: number } | null;
}

/** How a stock nginx answers for a static file; `version` is null where there is no such file. */
export function staticReply(
  method: string,
  headers: IncomingHttpHeaders,
  version: ServedVersion | null,
): StaticReply {
  if (method !== "GET" && method !== "HEAD") return errorReply(405);
  if (version === null) return errorReply(404);
  const { size, modifiedSeconds } = version;
  const etag = `"${modifiedSeconds.toString(16)}-${size.toString(16)}"`;
  const lastModified = new Date(modifiedSeconds * 1000).toUTCString();
  const common = { "last-modified": lastModified, etag };
  if (isNotModified(headers, etag, lastModified)) {
    return { status: 304, headers: common, range: null };
  }
  const whole: StaticReply = {
    status: 200,
    headers: {
      ...common,
      "content-type": "application/octet-stream",
      "content-length": size,
      "accept-ranges": "bytes",
    },
    range: { first: 0, last: size - 1 },
  };
  const ifRange = headers["if-range"];
  if (
    headers.range === undefined ||
    (ifRange !== undefined && ifRange !== etag && ifRange !== lastModified)
  ) {
    return whole;
  }
  return rangeReply(headers.range, size, whole);
}

// nginx's not-modified filter: each condition that is there has to hold; dates must be equal.
function isNotModified(headers: IncomingHttpHeaders, etag: string, lastModified: string): boolean {
  const since = headers["if-modified-since"];
  const tags = headers["if-none-match"];
  if (since === undefined && tags === undefined) return false;
  if (since !== undefined && since !== lastModified) return false;
  return (
    tags === undefined ||
    tags === "*" ||
    tags.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)
  );
}

/** RFC 9110 14: one range; anything else gets the whole file. */
function rangeReply(header: string, size: number, whole: StaticReply): StaticReply {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.replaceAll(" ", ""));
  const [, from = "", to = ""] = match ?? [];
  if (match === null || (from === "" && to === "")) return whole;
  const first = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (first >= size || first > last) {
    const refusal = errorReply(416);
    return { ...refusal, headers: { ...refusal.headers, "content-range": `bytes */${size}` } };
  }
  return {
    status: 206,
    headers: {
      ...whole.headers,
      "content-length": last - first + 1,
      "content-range": `bytes ${first}-${last}/${size}`,
    },
    range: { first, last },
  };
}

function errorReply(status: number): StaticReply {
  return {
    status,
    headers: { "content-type": "text/html", "content-length": Buffer.byteLength(htmlPage(status)) },
    range: null,
  };
}

/** An error page; empty for answers that have none. */
export function htmlPage(status: number): string {
  if (status < 400) return "";
  const title = `${status} ${STATUS_CODES[status] ?? ""}`;
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;
}
