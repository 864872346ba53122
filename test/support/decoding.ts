import { DecodeError } from "../../src/lib/errors.ts";
import { type Random, randomNumbers } from "./random.ts";

/** What decoding comes to: a value, or the fault that it threw. Any other throw goes on. */
export function valueOrFault<T>(decode: () => T): T | DecodeError {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}

/** Decodes many made-up inputs: how many were values, and the layers of the faults. */
export function decodeMany(
  times: number,
  seed: number,
  make: (random: Random) => Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
): { values: number; layers: string[] } {
  const random = randomNumbers(seed);
  const layers = new Set<string>();
  let values = 0;
  for (let i = 0; i < times; i++) {
    const result = valueOrFault(() => decode(make(random)));
    if (result instanceof DecodeError) layers.add(result.layer);
    else values += 1;
  }
  return { values, layers: [...layers] };
}
