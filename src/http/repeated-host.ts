/**
 * Whether a request names its host more than once: whoever forwarded it may have read another line
 * than we do. RFC 9112 3.2: it is answered with 400. `rawHeaders` has names and values in turn.
 */
export function repeatsHost(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts > 1;
}
