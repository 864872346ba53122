import type { Random } from "../support/random.ts";
import { randomBytes } from "../support/random.ts";

const interesting = [0, 1, 2, 6, 16, 43, 53, 82, 97, 127, 128, 252, 253, 254, 255] as const;
const encoder = new TextEncoder();

/** What one input is changed with. */
export interface Material {
  /** Another input of the corpus, of which parts are taken. */
  readonly other: Uint8Array;
  readonly words: readonly Uint8Array[];
  readonly mostBytes: number;
}

export function wordsOf(words: readonly string[]): readonly Uint8Array[] {
  return words.map((word) => encoder.encode(word));
}

/** A copy of an input with one to eight changes. */
export function mutate(input: Uint8Array, material: Material, random: Random): Uint8Array {
  let bytes: Uint8Array = input.slice();
  for (let changes = 1 << random(4); changes > 0; changes -= 1) {
    bytes = changed(bytes, material, random);
  }
  return bytes.length > material.mostBytes ? bytes.subarray(0, material.mostBytes) : bytes;
}

/** An input with a part of it so many times in a row that it is up to so long: what is quadratic shows. */
export function stretched(input: Uint8Array, mostBytes: number, random: Random): Uint8Array {
  const at = random(input.length);
  const part = input.slice(at, at + 1 + random(64));
  const room = mostBytes - input.length;
  if (part.length === 0 || room < part.length) return input;
  // Mostly as long as may be.
  const times = Math.floor((random(4) === 0 ? random(room) : room) / part.length);
  return spliced(input, at, 0, repeated(part, times));
}

function changed(bytes: Uint8Array, { other, words }: Material, random: Random): Uint8Array {
  const at = random(bytes.length + 1);
  const inside = Math.min(at, Math.max(0, bytes.length - 1));
  switch (random(12)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return spliced(bytes, at, 1 + random(16), new Uint8Array());
    case 2:
      return spliced(bytes, at, 0, randomBytes(random, 1 + random(8)));
    case 3:
    case 4:
      if (bytes.length > 0) bytes[inside] = interesting[random(interesting.length)] ?? 0;
      return bytes;
    case 5:
      if (bytes.length > 0) bytes[inside] = (bytes[inside] ?? 0) ^ (1 << random(8));
      return bytes;
    case 6:
      return counted(bytes, inside, random);
    case 7: {
      const from = random(other.length + 1);
      return spliced(bytes, at, random(32), other.subarray(from, from + 1 + random(64)));
    }
    case 8: {
      // The beginning of one and the end of another.
      const from = random(other.length + 1);
      return spliced(bytes, at, bytes.length, other.subarray(from));
    }
    case 9: {
      const length = 1 + random(32);
      return spliced(bytes, random(bytes.length + 1), 0, bytes.slice(at, at + length));
    }
    case 10: {
      const word = words[random(Math.max(1, words.length))] ?? randomBytes(random, 4);
      return spliced(bytes, at, random(2) === 0 ? word.length : 0, word);
    }
    default: {
      // Many times the same: what is quadratic shows.
      const part = bytes.slice(at, at + 1 + random(8));
      return part.length === 0 ? bytes : spliced(bytes, at, 0, repeated(part, 2 + random(60)));
    }
  }
}

/** Takes or gives a number of one, two or four bytes, of either order, a little. */
function counted(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const by = random(33) - 16;
  const little = random(2) === 0;
  if (at + 4 <= bytes.length && random(3) === 0) {
    view.setUint32(at, view.getUint32(at, little) + by, little);
  } else if (at + 2 <= bytes.length && random(2) === 0) {
    view.setUint16(at, view.getUint16(at, little) + by, little);
  } else if (at < bytes.length) {
    bytes[at] = (bytes[at] ?? 0) + by;
  }
  return bytes;
}

function spliced(bytes: Uint8Array, at: number, take: number, put: Uint8Array): Uint8Array {
  const rest = Math.min(bytes.length, at + take);
  const next = new Uint8Array(at + put.length + bytes.length - rest);
  next.set(bytes.subarray(0, at));
  next.set(put, at);
  next.set(bytes.subarray(rest), at + put.length);
  return next;
}

function repeated(part: Uint8Array, times: number): Uint8Array {
  const whole = new Uint8Array(part.length * times);
  for (let i = 0; i < times; i += 1) whole.set(part, i * part.length);
  return whole;
}
