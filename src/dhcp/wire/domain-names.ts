import { concat, fromText, readU16, toText } from "../../lib/bytes.ts";
import { DecodeError, InternalError } from "../../lib/errors.ts";

/*
 * Domain names as option 119 carries them (RFC 3397): labels of RFC 1035 4.1.2, on input perhaps
 * compressed by pointers into the same value (RFC 1035 4.1.4), on output never.
 */

const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
/** Of all names of a value: by pointers of two bytes each, 64 KiB could stand for eight megabytes. */
const MAX_ALL_BYTES = 65_535;
const MAX_POINTERS = 16;
const POINTER = 0xc0;

/**
 * The names in a value. Total in time as well: pointers only lead backwards and few are followed.
 *
 * @throws {DecodeError} with layer "dhcp-option"
 */
export function decodeDomains(bytes: Uint8Array): readonly string[] {
  const names: string[] = [];
  let allBytes = 0;
  for (let at = 0; at < bytes.length;) {
    const { name, end } = readName(bytes, at);
    allBytes += name.length;
    if (allBytes > MAX_ALL_BYTES) throw fault(at, "the domain names are too long together");
    names.push(name);
    at = end;
  }
  return names;
}

interface NameRead {
  readonly name: string;
  /** Behind the name where it begins, not where its pointers lead. */
  readonly end: number;
}

function readName(bytes: Uint8Array, start: number): NameRead {
  const labels: string[] = [];
  let nameBytes = 1;
  let pointers = 0;
  let end: number | null = null;
  let at = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw fault(at, "the domain name is cut short");
    if (length === 0) {
      if (labels.length === 0) throw fault(at, "the domain name is empty");
      return { name: labels.join("."), end: end ?? at + 1 };
    }
    if (length >= POINTER) {
      const target = readU16(bytes, at) & 0x3fff;
      pointers += 1;
      // RFC 1035 4.1.4: a pointer leads to a *prior* occurrence; so it cannot lead in a circle.
      if (at + 1 >= bytes.length || target >= at || pointers > MAX_POINTERS) {
        throw fault(at, "the domain name's pointer leads nowhere");
      }
      end ??= at + 2;
      at = target;
      continue;
    }
    nameBytes += 1 + length;
    if (length > MAX_LABEL_BYTES || nameBytes > MAX_NAME_BYTES) {
      throw fault(at, "the domain name is too long");
    }
    labels.push(readLabel(bytes, at, length));
    at += 1 + length;
  }
}

function readLabel(bytes: Uint8Array, at: number, length: number): string {
  const label = bytes.subarray(at + 1, at + 1 + length);
  if (label.length < length) throw fault(at, "the domain name is cut short");
  // Such a label is legal in RFC 1035 and would read as another name in dotted text.
  if (label.includes(0x2e) || label.includes(0)) throw fault(at, "a label holds a dot or a NUL");
  return toText(label);
}

/**
 * The labels of each name, uncompressed: every client understands that. A final dot is allowed.
 *
 * @throws {InternalError} when a label is empty, longer than 63 bytes or not ASCII
 */
export function encodeDomains(names: readonly string[]): Uint8Array {
  return concat(names.flatMap((name) => [...labelsOf(name), Uint8Array.of(0)]));
}

function labelsOf(name: string): readonly Uint8Array[] {
  const labels = name.replace(/\.$/, "").split(".");
  const bytes = labels.flatMap((label) => {
    const text = fromText(label);
    if (text.length === 0 || text.length > MAX_LABEL_BYTES || text.length !== label.length) {
      throw new InternalError(`"${name}" is no domain name`);
    }
    return [Uint8Array.of(text.length), text];
  });
  if (name.length + 2 > MAX_NAME_BYTES) throw new InternalError(`"${name}" is too long a name`);
  return bytes;
}

function fault(offset: number, reason: string): DecodeError {
  return new DecodeError("dhcp-option", offset, reason);
}
