import { printable } from "../../lib/bytes.ts";

/** A machine's SMBIOS UUID as a script sends it, in lower case; null when it is none. */
export function readUuid(text: string | undefined): string | null {
  if (text === undefined) return null;
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
  return form.test(text) ? text.toLowerCase() : null;
}

/** A machine's serial number as a script sends it, safe to show; null when it has none. */
export function readSerial(text: string | undefined): string | null {
  const serial = text?.trim() ?? "";
  return serial === "" ? null : printable(serial, 64);
}
