/** A UUID in text form, in lower case; null when the text is none. */
export function parseUuid(text: string): string | null {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
  return form.test(text) ? text.toLowerCase() : null;
}

/**
 * The same 16 bytes read in the other byte order of their first three fields. Firmware of before SMBIOS 2.6
 * and some programs show a machine's UUID so.
 */
export function swappedUuid(uuid: string): string {
  const byte = (at: number): string => uuid.slice(at, at + 2);
  const first = byte(6) + byte(4) + byte(2) + byte(0);
  return `${first}-${byte(11)}${byte(9)}-${byte(16)}${byte(14)}${uuid.slice(18)}`;
}

/** Firmware gives the bytes in one order or the other: the same text for both. */
export function uuidInOneOrder(uuid: string): string {
  const other = swappedUuid(uuid);
  return other < uuid ? other : uuid;
}
