/* Where the pieces end in which a connection's bytes are given to the parser. */

const newline = 0x0a;
const carriageReturn = 0x0d;

/** Behind the first line break from there on; the end of `bytes` when there is none. */
export function lineEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(newline, from);
  return at === -1 ? bytes.length : at + 1;
}

/** Where the first empty line of `bytes` ends, as it ends a header; all of them when there is none. */
export function headerEnd(bytes: Buffer): number {
  let from = 0;
  while (from < bytes.length) {
    const end = lineEnd(bytes, from);
    const isEmpty = end - from === 1 || (end - from === 2 && bytes[from] === carriageReturn);
    if (isEmpty && bytes[end - 1] === newline) return end;
    from = end;
  }
  return bytes.length;
}
