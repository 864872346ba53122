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
  const [first = "", second = "", third = "", ...rest] = uuid.split("-");
  return [swapped(first), swapped(second), swapped(third), ...rest].join("-");
}

function swapped(field: string): string {
  return field.match(/../g)?.toReversed().join("") ?? "";
}
