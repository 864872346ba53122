import type { Identity } from "../node.ts";
import { parseMac } from "../../lib/mac.ts";
import { parseUuid } from "./uuid.ts";
import { hasWildcard } from "./wildcard.ts";

/** More than any machine's serial number has; it also bounds the time of a comparison. */
const MAX_LENGTH = 128;

/** A machine by what is known of it. */
export interface MachineIdentity {
  readonly mac: string;
  readonly uuid: string | null;
  readonly serial: string | null;
}

/** What an entry matches machines by, `*` and `?` in it or not, as it is compared; null when it is none. */
export function parseIdentity(kind: Identity, text: string): string | null {
  if (text === "" || text.length > MAX_LENGTH) return null;
  switch (kind) {
    case "mac":
      if (!hasWildcard(text)) return parseMac(text);
      return /^[0-9a-f:*?-]+$/i.test(text) ? text.toLowerCase().replaceAll("-", ":") : null;
    case "uuid":
      if (!hasWildcard(text)) return parseUuid(text);
      return /^[0-9a-f*?-]+$/i.test(text) ? text.toLowerCase() : null;
    case "serial":
      return text;
  }
}

/** Which kind of identity a word of the command line is: what is neither a MAC address nor a UUID is a serial number. */
export function identityOf(text: string): { readonly kind: Identity; readonly value: string } {
  const looksLike = hasWildcard(text)
    ? { mac: /^[0-9a-f?]{2}[:-]/i.test(text), uuid: /^[0-9a-f?]{8}-/i.test(text) }
    : { mac: true, uuid: true };
  for (const kind of ["mac", "uuid"] as const) {
    const value = looksLike[kind] ? parseIdentity(kind, text) : null;
    if (value !== null) return { kind, value };
  }
  return { kind: "serial", value: text };
}
