import { crc32 } from "node:zlib";
import type { BlobSource } from "../../lib/blob.ts";
import type { MemberEnd } from "./compressed-members.ts";

// The .xz File Format, version 1.2.1 (https://tukaani.org/xz/xz-file-format.txt).
const HEADER_BYTES = 12;
const FOOTER_BYTES = 12;
const SEARCH_BYTES = 1024 * 1024;
/** How many footers the search for the first stream's end looks at. By chance there is none but the right one. */
const MOST_FOOTERS = 16;
/** An index has some bytes for each block; `xz` makes one block, `xz -T` one for each few MiB. */
const INDEX_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Where the xz streams at byte `start` end, or what is wrong with them. The compressed data are not inflated:
 * from the end backwards, each stream's footer, index (with CRC-32) and header are checked, and that the blocks
 * of the index fill the room between header and index to the byte. A file cut short, grown, or stuck
 * together from two does not pass. Where that fails from the end of the blob, another member may follow: then
 * the first footer is looked for whose stream begins at `start`.
 */
export async function xzEnd(blob: BlobSource, start: number): Promise<MemberEnd> {
  const problem = await xzProblem(blob, start, blob.size);
  if (problem === null) return blob.size;
  let [marks, footers] = [0, 0];
  for (let at = start; at < blob.size; at += SEARCH_BYTES) {
    const chunk = Buffer.from(await blob.read(at, SEARCH_BYTES + FOOTER_BYTES));
    for (let mark = chunk.indexOf("YZ", 10); mark !== -1; mark = chunk.indexOf("YZ", mark + 1)) {
      marks += 1;
      // Data are not made of marks and footers; a file that is would be searched without an end.
      if (footers > MOST_FOOTERS || marks > 1000 + blob.size / 1024) return problem;
      if (crc32(chunk.subarray(mark - 6, mark)) !== chunk.readUInt32LE(mark - 10)) continue;
      footers += 1;
      const end = at + mark + 2;
      if ((await xzProblem(blob, start, end)) === null) return end;
    }
  }
  return problem;
}

async function xzProblem(blob: BlobSource, start: number, last: number): Promise<string | null> {
  let end = last;
  while (true) {
    const stream = await streamEndingAt(blob, start, end);
    if (typeof stream === "string") return stream;
    if (stream.start === start) return null;
    end = stream.start;
  }
}

async function streamEndingAt(
  blob: BlobSource,
  lowest: number,
  from: number,
): Promise<{ start: number } | string> {
  const notWhole = "it begins as xz and does not end as xz (no YZ at its end): it is not whole";
  const shortest = lowest + HEADER_BYTES + FOOTER_BYTES;
  let end = from;
  if (end < shortest) return notWhole;
  let footer = view(await blob.read(end - FOOTER_BYTES, FOOTER_BYTES));
  // 2.2: stream padding is zeros, a multiple of four bytes.
  while (end - 4 >= shortest && footer.getUint32(8) === 0) {
    end -= 4;
    footer = view(await blob.read(end - FOOTER_BYTES, FOOTER_BYTES));
  }
  if (footer.getUint16(10) !== 0x595a) return notWhole;
  if (crc32(bytesOf(footer, 4, 6)) !== footer.getUint32(0, true)) {
    return "the checksum of its xz footer is wrong";
  }
  const indexBytes = (footer.getUint32(4, true) + 1) * 4;
  const indexAt = end - FOOTER_BYTES - indexBytes;
  if (indexAt < lowest + HEADER_BYTES || indexBytes > INDEX_LIMIT_BYTES) {
    return `its xz footer tells of an index of ${indexBytes} bytes, for which there is no room`;
  }
  const blockBytes = blocksInIndex(view(await blob.read(indexAt, indexBytes)));
  if (blockBytes === null) return "its xz index is damaged";
  const start = indexAt - blockBytes - HEADER_BYTES;
  if (start < lowest) return "its xz index tells of more data than there are: it is not whole";
  return headerProblem(view(await blob.read(start, HEADER_BYTES)), footer) ?? { start };
}

function headerProblem(header: DataView, footer: DataView): string | null {
  if (header.getUint32(0) !== 0xfd377a58 || header.getUint16(4) !== 0x5a00) {
    return "its xz index tells of less data than there are: it is not one whole file";
  }
  if (crc32(bytesOf(header, 6, 2)) !== header.getUint32(8, true)) {
    return "the checksum of its xz header is wrong";
  }
  // 2.1.2.2: header and footer carry the same stream flags.
  return header.getUint16(6) === footer.getUint16(8) ? null : "its xz header and footer disagree";
}

/** The bytes that all blocks of an index (4.) take, padding included; null when the index is damaged. */
function blocksInIndex(index: DataView): number | null {
  const listEnd = index.byteLength - 4;
  if (crc32(bytesOf(index, 0, listEnd)) !== index.getUint32(listEnd, true)) return null;
  if (index.getUint8(0) !== 0) return null;
  let at = 1;
  // 1.2: little-endian groups of seven bits, at most nine.
  const number = (): number => {
    let value = 0;
    for (let group = 0; group < 9 && at < listEnd; group++) {
      const byte = index.getUint8(at++);
      value += (byte & 0x7f) * 2 ** (7 * group);
      if (byte < 0x80) break;
    }
    return value;
  };
  const records = number();
  let bytes = 0;
  for (let record = 0; record < records; record++) {
    if (at >= listEnd) return null;
    bytes += Math.ceil(number() / 4) * 4;
    number();
  }
  return bytes;
}

function bytesOf(from: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(from.buffer, from.byteOffset + at, length);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
