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
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = random(256);
  return bytes;
}

/** A copy with a few bytes changed, removed or added, or its end cut off. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let copy = Array.from(bytes);
  for (let changes = 1 + random(6); changes > 0; changes--) {
    const at = random(copy.length + 1);
    switch (random(5)) {
      case 0:
        copy = copy.slice(0, at);
        break;
      case 1:
        copy.splice(at, random(8));
        break;
      case 2:
        copy.splice(at, 0, ...randomBytes(random, random(8)));
        break;
      case 3:
        copy[at] = [0, 1, 82, 254, 255][random(5)] ?? 0;
        break;
      default:
        copy[at] = random(256);
    }
  }
  return Uint8Array.from(copy);
}
