/** The fields of a protobuf message by their numbers: bytes, or what a number's bytes say. */
export type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>;

/** Reads a message as the encoding's document has it: varints, fixed 32 and 64 bits, and lengths. */
export function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      at += 1;
      if (byte === undefined) throw new Error("a varint is cut short");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const fixed = (length: number): bigint => {
    let value = 0n;
    for (let n = length - 1; n >= 0; n -= 1) value = (value << 8n) | BigInt(bytes[at + n] ?? 0);
    at += length;
    return value;
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const list = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, list);
    switch (tag & 7) {
      case 0:
        list.push(varint());
        break;
      case 1:
        list.push(fixed(8));
        break;
      case 5:
        list.push(fixed(4));
        break;
      case 2: {
        const length = Number(varint());
        list.push(bytes.subarray(at, at + length));
        at += length;
        break;
      }
      default:
        throw new Error(`wire type ${tag & 7}`);
    }
  }
  return fields;
}

export function messagesIn(fields: Fields, number: number): readonly Fields[] {
  return bytesIn(fields, number).map(fieldsOf);
}

export function bytesIn(fields: Fields, number: number): readonly Uint8Array[] {
  return (fields.get(number) ?? []).filter((value) => value instanceof Uint8Array);
}

export function textIn(fields: Fields, number: number): string {
  return Buffer.from(bytesIn(fields, number)[0] ?? []).toString("utf8");
}

export function numberIn(fields: Fields, number: number): bigint {
  const [value] = fields.get(number) ?? [];
  return typeof value === "bigint" ? value : 0n;
}
