import { printable } from "../../lib/bytes.ts";
import { parseUuid } from "../../boot/identity/uuid.ts";

/** A machine's SMBIOS UUID as a script sends it, in lower case; null when it is none. */
export function readUuid(text: string | undefined): string | null {
  return text === undefined ? null : parseUuid(text);
}

/** A machine's serial number as a script sends it, safe to show; null when it has none. */
export function readSerial(text: string | undefined): string | null {
  const serial = text?.trim() ?? "";
  return serial === "" ? null : printable(serial, 64);
}
