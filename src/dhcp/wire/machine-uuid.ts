import { hexDigits } from "../../lib/bytes.ts";

/**
 * Where each byte of the text form stands among the 16 bytes of the EFI and SMBIOS form: the first
 * three fields are little-endian there. The same table leads back.
 */
const places = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** The text form, in lower case, of 16 bytes as SMBIOS keeps them and option 97 carries them. */
export function uuidFromBytes(bytes: Uint8Array): string {
  let text = "";
  // Each boot client's packet needs it: no other texts and no bytes are made for it.
  for (let at = 0; at < places.length; at++) {
    if (at === 4 || at === 6 || at === 8 || at === 10) text += "-";
    text += hexDigits[bytes[places[at] ?? 0] ?? 0];
  }
  return text;
}

/** The 16 bytes of a UUID in text form. */
export function uuidToBytes(text: string): Uint8Array {
  const digits = text.replaceAll("-", "");
  return Uint8Array.from(places, (place) =>
    Number.parseInt(digits.slice(place * 2, place * 2 + 2), 16),
  );
}

/**
 * Option 97 is a type byte 0 and a UUID in EFI's form (RFC 4578 2.3). EDK2 and iPXE send it so: what
 * is read is the UUID that `dmidecode` and iPXE's `${uuid}` show.
 */
export function readMachineUuid(value: Uint8Array | null): string | null {
  if (value === null || value.length !== 17 || value[0] !== 0) return null;
  return uuidFromBytes(value.subarray(1));
}
