import { hexDigits } from "./bytes.ts";

/** A hardware address in lower-case colon form: `08:00:27:29:4e:67`. */
export type Mac = string;

const COLON = 0x3a;
/** The codes of the hex digits. */
const digitCodes: readonly number[] = Array.from("0123456789abcdef", (digit) =>
  digit.charCodeAt(0),
);

/** The colon form of a hardware address of any length, at a place in these bytes; empty for none. */
export function macFromBytes(bytes: Uint8Array, at = 0, length = bytes.length - at): Mac {
  return length === 6 ? macOfSix(bytes, at) : textOf(bytes.subarray(at, at + length));
}

/** Each packet's is read four times. In one piece it is made and found in a map faster than of eleven texts. */
function macOfSix(bytes: Uint8Array, at: number): Mac {
  const high = (n: number): number => digitCodes[(bytes[at + n] ?? 0) >>> 4] ?? 0;
  const low = (n: number): number => digitCodes[(bytes[at + n] ?? 0) & 15] ?? 0;
  // prettier-ignore
  return String.fromCharCode(
    high(0), low(0), COLON, high(1), low(1), COLON, high(2), low(2), COLON,
    high(3), low(3), COLON, high(4), low(4), COLON, high(5), low(5),
  );
}

function textOf(bytes: Uint8Array): Mac {
  let mac = "";
  for (const byte of bytes) mac += mac === "" ? hexDigits[byte] : `:${hexDigits[byte]}`;
  return mac;
}

/** Whether these bytes can be the address of one network card: neither zero, nor broadcast, nor multicast. */
export function isCardAddress(bytes: Uint8Array, isEthernet: boolean): boolean {
  const isGroup = isEthernet && ((bytes[0] ?? 0) & 1) === 1;
  return !isGroup && bytes.some((byte) => byte !== 0) && bytes.some((byte) => byte !== 0xff);
}

export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
}

/** Six bytes in colon, dash, dot (`aabb.ccdd.eeff`) or bare form, any case; null when it is none of these. */
export function parseMac(text: string): Mac | null {
  const forms = [
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
    /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i,
    /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i,
    /^[0-9a-f]{12}$/i,
  ];
  if (!forms.some((form) => form.test(text))) return null;
  const digits = text.replace(/[^0-9a-f]/gi, "").toLowerCase();
  return digits.match(/../g)?.join(":") ?? null;
}
