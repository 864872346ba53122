import { hexDigits, readU16, readU32 } from "./bytes.ts";

/** A hardware address in lower-case colon form: `08:00:27:29:4e:67`. */
export type Mac = string;

/** A power of two. */
const REMEMBERED = 8192;
/** Those that were read last, by some of their bits: each packet's is needed several times, and a text in use already is found faster in a map. */
const numbers = new Float64Array(REMEMBERED);
const texts = new Array<Mac | undefined>(REMEMBERED);

/** The colon form of a hardware address of any length; empty for none. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) return textOf(bytes);
  const low = readU32(bytes, 2);
  const number = readU16(bytes, 0) * 0x1_0000_0000 + low;
  const place = low & (REMEMBERED - 1);
  const known = texts[place];
  if (known !== undefined && numbers[place] === number) return known;
  const mac = textOf(bytes);
  numbers[place] = number;
  texts[place] = mac;
  return mac;
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
