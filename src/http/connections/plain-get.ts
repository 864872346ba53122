/** A request that asks for a path, or a part of what is there, and nothing else. */
export interface PlainGet {
  /** Path and query, as they were sent. */
  readonly target: string;
  /** What its Range line says; null: it has none. */
  readonly range: string | null;
  readonly userAgent: string | null;
}

/**
 * What iPXE sends for a script or a file, from the bytes that arrived: one whole GET, on a connection that stays, with
 * headers of which only Range changes the answer. Null for everything else, which Node's parser then judges: more
 * than one request, other methods and headers, a body, whatever is malformed.
 */
export function plainGet(bytes: Buffer): PlainGet | null {
  if (bytes.length > maxBytes || bytes[0] !== letterG) return null;
  const text = bytes.toString("latin1");
  if (!text.endsWith("\r\n\r\n") || !onlyPrintableLines.test(text)) return null;
  const [request = "", ...headers] = text.slice(0, -4).split("\r\n");
  const target = requestLine.exec(request)?.[1];
  if (target === undefined) return null;
  let hosts = 0;
  let range: string | null = null;
  let userAgent: string | null = null;
  for (const header of headers) {
    const colon = header.indexOf(":");
    if (colon === -1) return null;
    switch (header.slice(0, colon).toLowerCase()) {
      case "host":
        hosts += 1;
        break;
      case "user-agent":
        userAgent ??= header.slice(colon + 1).trim();
        break;
      case "range":
        if (range !== null) return null;
        range = header.slice(colon + 1).trim();
        break;
      case "accept":
        break;
      case "connection":
        if (
          header
            .slice(colon + 1)
            .trim()
            .toLowerCase() !== "keep-alive"
        )
          return null;
        break;
      default:
        return null;
    }
  }
  return hosts === 1 ? { target, range, userAgent } : null;
}

const maxBytes = 1024;
const letterG = 0x47;
const onlyPrintableLines = /^(?:[\x20-\x7e]+\r\n)+\r\n$/;
const requestLine = /^GET (\/[\x21-\x7e]*) HTTP\/1\.1$/;
