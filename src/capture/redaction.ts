import { uuidFromBytes, uuidToBytes } from "../dhcp/wire/machine-uuid.ts";
import { fromText, readU32, toHex } from "../lib/bytes.ts";
import { type Ip4, ip4FromBytes, ip4FromNumber, ip4ToBytes, ip4ToNumber } from "../lib/ip4.ts";
import { madeOfEach } from "../lib/lists/turns.ts";
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
// A full stop may follow, as at the end of a sentence.
const ip4Text = /(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])/g;
const uuidText = /(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])/gi;
/** A shorter serial number is part of too much else. */
const LEAST_SERIAL = 4;

/**
 * The packets of `own`, without any trace of `others`; a step for each of them and for each packet. What several machines
 * have had, such as an address that was leased again, is `own`'s here.
 *
 * @param kept addresses that stay, such as this server's
 */
export function* redacted(
  datagrams: readonly SeenDatagram[],
  own: NamedMachine,
  others: Iterable<NamedMachine>,
  kept: readonly Ip4[],
): Generator<void, readonly SeenDatagram[]> {
  const names = new Pseudonyms(own, [...kept, ...namedAddresses(datagrams)]);
  for (const other of others) {
    names.add(other);
    yield;
  }
  return yield* madeOfEach(datagrams, ({ source, destination, payload, atMs }) => ({
    source: { ...source, address: names.address(source.address) },
    destination: { ...destination, address: names.address(destination.address) },
    payload: names.payload(payload),
    atMs,
  }));
}

class Pseudonyms {
  readonly #own: NamedMachine;
  /** UUIDs as text in lower case, and as hex of either order of bytes. */
  readonly #ownUuids: readonly string[];
  /** What no pseudonym may be: the addresses that stay. */
  readonly #stay: ReadonlySet<Ip4>;
  readonly #addresses = new Set<Ip4>();
  readonly #macs = new Set<Mac>();
  readonly #uuids = new Set<string>();
  // By the first four bytes most places are passed over at once.
  readonly #asNumbers = new Set<number>();
  readonly #firstOfMacs = new Set<number>();
  readonly #firstOfUuids = new Set<number>();
  /** Then by how many bytes they have: of a site's, tens of thousands may begin alike. */
  readonly #serials = new Map<number, Map<number, Set<string>>>();
  readonly #taken = new Map<string, string>();

  constructor(own: NamedMachine, stay: readonly Ip4[]) {
    this.#own = own;
    this.#ownUuids = own.uuid === null ? [] : uuidForms(own.uuid);
    this.#stay = new Set([...own.addresses, ...stay]);
  }

  add({ mac, addresses, uuid, serial }: NamedMachine): void {
    if (mac !== null && mac !== this.#own.mac) {
      this.#macs.add(mac);
      this.#firstOfMacs.add(readU32(macToBytes(mac), 0));
    }
    for (const address of addresses) {
      if (this.#stay.has(address)) continue;
      this.#addresses.add(address);
      this.#asNumbers.add(ip4ToNumber(address));
    }
    for (const form of uuid === null ? [] : uuidForms(uuid)) {
      if (this.#ownUuids.includes(form)) continue;
      this.#uuids.add(form);
      this.#firstOfUuids.add(Number.parseInt(form.slice(0, 8), 16));
    }
    if (serial !== null && serial.length >= LEAST_SERIAL && serial !== this.#own.serial) {
      this.#addSerial(fromText(serial));
    }
  }

  #addSerial(bytes: Uint8Array): void {
    const first = readU32(bytes, 0);
    const alike = this.#serials.get(first) ?? new Map<number, Set<string>>();
    const asLong = alike.get(bytes.length) ?? new Set<string>();
    this.#serials.set(first, alike.set(bytes.length, asLong.add(latin1(bytes))));
  }

  address(address: Ip4): Ip4 {
    if (!this.#addresses.has(address)) return address;
    const known = this.#taken.get(address);
    if (known !== undefined) return known;
    const isAnothers = (name: Ip4) => this.#addresses.has(name) || this.#stay.has(name);
    return this.#pseudonym(address, (n) => sameLengthAddress(address, n), isAnothers);
  }

  payload(payload: Uint8Array): Uint8Array {
    const bytes = this.#textsReplaced(payload);
    for (let at = 0; at + 4 <= bytes.length; at++) this.#replaceAt(bytes, at);
    return bytes;
  }

  /** Addresses, hardware addresses and UUIDs as bytes. */
  #replaceAt(bytes: Uint8Array, at: number): void {
    const first = readU32(bytes, at);
    const serial = this.#serialAt(bytes, at, first);
    if (serial !== null) {
      bytes.set(fromText(this.#pseudonym(serial, (n) => placeholder(serial, n))), at);
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

  /** One character a byte. Of several that begin alike the longest. */
  #serialAt(bytes: Uint8Array, at: number, first: number): string | null {
    const alike = this.#serials.get(first);
    if (alike === undefined) return null;
    for (const length of [...alike.keys()].toSorted((a, b) => b - a)) {
      const text = latin1(bytes.subarray(at, at + length));
      if (alike.get(length)?.has(text) === true) return text;
    }
    return null;
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
      (name) => this.#macs.has(name),
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
    isAnothers: (name: string) => boolean = () => false,
  ): string {
    const known = this.#taken.get(word);
    if (known !== undefined) return known;
    const used = new Set(this.#taken.values());
    let number = 1;
    let name = make(number);
    while ((used.has(name) || isAnothers(name)) && number < 1000) name = make(++number);
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

/** Another address of as many digits in each part, so that it takes the same place as text: near it first. */
function sameLengthAddress(address: Ip4, number: number): Ip4 {
  const parts = address.split(".");
  let rest = number;
  for (const index of [3, 2, 1]) {
    const part = parts[index] ?? "";
    const least = part.length === 1 ? 0 : 10 ** (part.length - 1);
    const many = part.length === 1 ? 10 : part.length === 2 ? 90 : 156;
    parts[index] = String(least + ((Number(part) - least + (rest % many)) % many));
    rest = Math.floor(rest / many);
  }
  return ip4FromNumber(ip4ToNumber(parts.join(".")));
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
