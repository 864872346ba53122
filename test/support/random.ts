import { concat } from "../../src/lib/bytes.ts";

/** A small repeatable generator (mulberry32): whole numbers from 0 to below `limit`. */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

export type Random = ReturnType<typeof randomNumbers>;

export function randomBytes(random: Random, length: number): Uint8Array {
  const words = new Uint16Array(Math.ceil(length / 2));
  for (let i = 0; i < words.length; i++) words[i] = random(0x10000);
  return new Uint8Array(words.buffer, 0, length);
}

/** Bytes of any size that are quick to make and the same nowhere twice within a block. */
export function fileOfSize(size: number): Uint8Array {
  const piece = randomBytes(randomNumbers(size), Math.min(size, 1_000_003));
  const file = new Uint8Array(size);
  for (let at = 0; at < size; at += piece.length) {
    file.set(piece.subarray(0, Math.min(piece.length, size - at)), at);
  }
  return file;
}

/** A copy with a few bytes changed, removed or added, or its end cut off. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let copy: Uint8Array = bytes.slice();
  for (let changes = 1 + random(6); changes > 0; changes--) {
    const at = random(copy.length + 1);
    switch (random(5)) {
      case 0:
        copy = copy.subarray(0, at);
        break;
      case 1:
        copy = concat([copy.subarray(0, at), copy.subarray(at + random(8))]);
        break;
      case 2:
        copy = concat([copy.subarray(0, at), randomBytes(random, random(8)), copy.subarray(at)]);
        break;
      case 3:
        copy[at] = [0, 1, 82, 254, 255][random(5)] ?? 0;
        break;
      default:
        copy[at] = random(256);
    }
  }
  return copy;
}
