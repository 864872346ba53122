import { uuidFromBytes, uuidToBytes } from "../dhcp/wire/machine-uuid.ts";
import { fromText, readU32, startsWith, toHex } from "../lib/bytes.ts";
import { type Ip4, ip4FromBytes, ip4FromNumber, ip4ToBytes, ip4ToNumber } from "../lib/ip4.ts";
import { type Mac, macFromBytes, macToBytes, parseMac } from "../lib/mac.ts";
import type { SeenDatagram } from "./datagram.ts";

/*
 * A machine's capture for others to read: what belongs to other machines is replaced, the same by the same
 * everywhere, and by as many bytes, so that lengths and places stay right. Servers, relay agents and routers stay
 * what they are, since answers depend on them.
 */

/** A machine by all that names it; null and empty: not known. */
export interface NamedMachine {
  readonly mac: Mac | null;
  readonly addresses: readonly Ip4[];
  readonly uuid: string | null;
  readonly serial: string | null;
}

const macText = /[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}/gi;
const bareMacText = /(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])/gi;
const ip4Text = /(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])/g;
const uuidText = /(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])/gi;
/** A shorter serial number is part of too much else. */
const LEAST_SERIAL = 4;

/**
 * The packets of `own`, without any trace of `others`. What several machines have had, such as an address
 * that was leased again, is `own`'s here.
 *
 * @param kept addresses that stay, such as this server's
 */
export function redacted(
  datagrams: readonly SeenDatagram[],
  own: NamedMachine,
  others: Iterable<NamedMachine>,
  kept: readonly Ip4[],
): readonly SeenDatagram[] {
  const names = new Pseudonyms(datagrams, own, others, kept);
  return datagrams.map(({ source, destination, payload, atMs }) => ({
    source: { ...source, address: names.address(source.address) },
    destination: { ...destination, address: names.address(destination.address) },
    payload: names.payload(payload),
    atMs,
  }));
}

class Pseudonyms {
  readonly #own: NamedMachine;
  readonly #addresses = new Set<Ip4>();
  readonly #macs = new Set<Mac>();
  /** As text in lower case, and as hex of either order of bytes. */
  readonly #uuids = new Set<string>();
  /** What no pseudonym may be: the addresses that stay. */
  readonly #stay: ReadonlySet<Ip4>;
  // By the first four bytes most places are passed over at once.
  readonly #serials: ReadonlyMap<number, readonly string[]>;
  readonly #firstOfUuids: ReadonlySet<number>;
  readonly #firstOfMacs: ReadonlySet<number>;
  readonly #asNumbers: ReadonlySet<number>;
  readonly #taken = new Map<string, string>();

  constructor(
    datagrams: readonly SeenDatagram[],
    own: NamedMachine,
    others: Iterable<NamedMachine>,
    kept: readonly Ip4[],
  ) {
    this.#own = own;
    const serials = new Set<string>();
    for (const { mac, addresses, uuid, serial } of others) {
      if (mac !== null) this.#macs.add(mac);
      for (const address of addresses) this.#addresses.add(address);
      if (uuid !== null) for (const form of uuidForms(uuid)) this.#uuids.add(form);
      if (serial !== null && serial.length >= LEAST_SERIAL) serials.add(serial);
    }
    if (own.mac !== null) this.#macs.delete(own.mac);
    if (own.uuid !== null) for (const form of uuidForms(own.uuid)) this.#uuids.delete(form);
    if (own.serial !== null) serials.delete(own.serial);
    this.#stay = new Set([...own.addresses, ...kept, ...namedAddresses(datagrams)]);
    for (const address of this.#stay) this.#addresses.delete(address);
    this.#firstOfUuids = new Set(
      [...this.#uuids].map((hex) => Number.parseInt(hex.slice(0, 8), 16)),
    );
    this.#firstOfMacs = new Set([...this.#macs].map((mac) => readU32(macToBytes(mac), 0)));
    this.#asNumbers = new Set([...this.#addresses].map(ip4ToNumber));
    // Of several that begin alike the longest first.
    const alike = new Map<number, string[]>();
    for (const serial of [...serials].toSorted((a, b) => b.length - a.length)) {
      const first = readU32(fromText(serial), 0);
      alike.set(first, [...(alike.get(first) ?? []), serial]);
    }
    this.#serials = alike;
  }

  address(address: Ip4): Ip4 {
    if (!this.#addresses.has(address)) return address;
    const known = this.#taken.get(address);
    if (known !== undefined) return known;
    const avoided = new Set([...this.#addresses, ...this.#stay]);
    return this.#pseudonym(address, (n) => sameLengthAddress(address, n), avoided);
  }

  payload(payload: Uint8Array): Uint8Array {
    const bytes = this.#textsReplaced(payload);
    for (let at = 0; at + 4 <= bytes.length; at++) this.#replaceAt(bytes, at);
    return bytes;
  }

  /** Addresses, hardware addresses and UUIDs as bytes. */
  #replaceAt(bytes: Uint8Array, at: number): void {
    const first = readU32(bytes, at);
    for (const serial of this.#serials.get(first) ?? []) {
      if (!startsWith(bytes.subarray(at), fromText(serial))) continue;
      bytes.set(fromText(this.#pseudonym(serial, (n) => placeholder(serial, n))), at);
      break;
    }
    if (this.#firstOfUuids.has(first)) {
      const window = bytes.subarray(at, at + 16);
      if (this.#uuids.has(toHex(window))) {
        bytes.set(uuidToBytes(this.#uuid(uuidFromBytes(window))), at);
      }
    }
    if (this.#firstOfMacs.has(first)) {
      const mac = macFromBytes(bytes.subarray(at, at + 6));
      if (this.#macs.has(mac)) bytes.set(macToBytes(this.#mac(mac)), at);
    }
    if (this.#asNumbers.has(first))
      bytes.set(ip4ToBytes(this.address(ip4FromBytes(bytes, at))), at);
  }

  #textsReplaced(payload: Uint8Array): Uint8Array {
    const before = latin1(payload);
    const text = before
      .replaceAll(macText, (found) => this.#macLike(found, true))
      .replaceAll(bareMacText, (found) => this.#macLike(found, false))
      .replaceAll(uuidText, (found) => {
        const own = this.#own.uuid;
        const isOwn = own !== null && uuidForms(own).includes(hexOf(found));
        return isOwn ? found : this.#uuid(found.toLowerCase());
      })
      .replaceAll(ip4Text, (found) => this.address(found));
    return text === before ? payload.slice() : Uint8Array.from(text, (one) => one.charCodeAt(0));
  }

  /** A hardware address as text, in the same form. `certain`: it is one for sure, whether or not it is known. */
  #macLike(found: string, certain: boolean): string {
    const mac = parseMac(found);
    if (mac === null || mac === this.#own.mac) return found;
    if (!certain && !this.#macs.has(mac)) return found;
    const digits = this.#mac(mac).replaceAll(":", "");
    let next = 0;
    return found.replaceAll(/[0-9a-f]/gi, () => digits[next++] ?? "0");
  }

  #mac(mac: Mac): Mac {
    return this.#pseudonym(
      mac,
      (n) => `02:00:00:${toHex(Uint8Array.of(n >> 16, n >> 8, n)).replaceAll(/..(?=.)/g, "$&:")}`,
      this.#macs,
    );
  }

  #uuid(uuid: string): string {
    // The same machine in either order of bytes gets the same one.
    const [key = uuid] = uuidForms(uuid).toSorted();
    return this.#pseudonym(key, (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
  }

  /** The same for the same word; none that is another machine's, and none twice. */
  #pseudonym(
    word: string,
    make: (number: number) => string,
    avoided: ReadonlySet<string> = new Set(),
  ): string {
    const known = this.#taken.get(word);
    if (known !== undefined) return known;
    const used = new Set(this.#taken.values());
    let number = 1;
    let name = make(number);
    while ((used.has(name) || avoided.has(name)) && number < 1000) name = make(++number);
    this.#taken.set(word, name);
    return name;
  }
}

/** What servers gave the machine, and the servers, relay agents and routers that DHCP's header names. */
function namedAddresses(datagrams: readonly SeenDatagram[]): readonly Ip4[] {
  return datagrams.flatMap(({ payload }) => {
    if (payload.length < 240 || payload[0] !== 2) return [];
    return [16, 20, 24].map((at) => ip4FromBytes(payload, at));
  });
}

/** Another address of as many digits in each part, so that it takes the same place as text. */
function sameLengthAddress(address: Ip4, number: number): Ip4 {
  const parts = address.split(".");
  let rest = number;
  const others = parts.map((part, index) => {
    if (index === 0) return part;
    const least = part.length === 1 ? 0 : 10 ** (part.length - 1);
    const many = part.length === 1 ? 10 : part.length === 2 ? 90 : 156;
    const shifted = (Number(part) - least + (index === 3 ? rest % many : 0)) % many;
    if (index === 3) rest = Math.floor(rest / many);
    return String(least + shifted);
  });
  return ip4FromNumber(ip4ToNumber(others.join(".")));
}

function placeholder(word: string, number: number): string {
  return `X${number}`.padEnd(word.length, "X").slice(0, word.length);
}

function hexOf(uuid: string): string {
  return uuid.replaceAll("-", "").toLowerCase();
}

/** The text without dashes, and the bytes as SMBIOS has them: some firmware sends the one, some the other. */
function uuidForms(uuid: string): readonly string[] {
  return [hexOf(uuid), toHex(uuidToBytes(uuid))];
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
