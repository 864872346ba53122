import type { BlobSource } from "../../lib/blob.ts";
import { startsWith } from "../../lib/bytes.ts";
import { bufferedReader } from "./buffered-reader.ts";

/*
 * The forms besides gzip, xz and cpio that the kernel unpacks from an initramfs (lib/decompress_*.c). None is
 * inflated here: what is walked are the lengths that they carry, so that a file that was cut short, or
 * that something foreign follows, is found out.
 */

/** Where a compressed member ends (the byte behind it), or what is wrong with it. */
export type MemberEnd = number | string;

export interface MemberForm {
  readonly name: string;
  /** Whether these first bytes, 16 where there are so many, begin such a member. */
  readonly begins: (first: Uint8Array) => boolean;
  readonly end: (blob: BlobSource, at: number, inflated: Inflated) => Promise<MemberEnd>;
}

/** What the members of a file became so far where they are inflated, and what they may become. */
export interface Inflated {
  bytes: number;
  readonly mostBytes: number;
}

const ZSTD_MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
const LZ4_LEGACY_MAGIC = Uint8Array.of(0x02, 0x21, 0x4c, 0x18);
const LZO_MAGIC = Uint8Array.of(0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a);
const BZIP2_BLOCK = Uint8Array.of(0x31, 0x41, 0x59, 0x26, 0x53, 0x59);
const BZIP2_END = 0x177245385090n;

export const memberForms: readonly MemberForm[] = [
  { name: "zstd", begins: (first) => startsWith(first, ZSTD_MAGIC), end: zstdEnd },
  { name: "lz4", begins: (first) => startsWith(first, LZ4_LEGACY_MAGIC), end: lz4End },
  { name: "lzo", begins: (first) => startsWith(first, LZO_MAGIC), end: lzoEnd },
  {
    name: "bzip2",
    begins: (first) =>
      first[0] === 0x42 &&
      first[1] === 0x5a &&
      first[2] === 0x68 &&
      startsWith(first.subarray(4), BZIP2_BLOCK),
    end: bzip2End,
  },
  // Properties of the usual kind, a dictionary of whole powers of two, and a first byte that is always 0.
  {
    name: "lzma",
    begins: (first) =>
      first[0] === 0x5d && first[1] === 0 && first[2] === 0 && first[13] === 0 && first.length > 13,
    end: lzmaEnd,
  },
];

function notWhole(form: string): string {
  return `its ${form} data end before they are complete: it is not whole`;
}

/** Lengths are read with what follows: the smallest blocks of a form have three bytes. */
const AHEAD_BYTES = 4096;

type View = (at: number, length: number) => Promise<DataView | null>;

/** Null where the blob ends before. */
function viewOf(blob: BlobSource): View {
  const read = bufferedReader(blob, AHEAD_BYTES);
  return async (at, length) => {
    if (at + length > blob.size) return null;
    const bytes = await read(at, length);
    return bytes.length < length ? null : new DataView(bytes.buffer, bytes.byteOffset, length);
  };
}

/** RFC 8878 3.1.1: a frame's header, blocks that say their length, and four bytes of checksum where it says so. */
async function zstdEnd(blob: BlobSource, start: number): Promise<MemberEnd> {
  const viewAt = viewOf(blob);
  const descriptor = (await viewAt(start + 4, 1))?.getUint8(0);
  if (descriptor === undefined) return notWhole("zstd");
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let at = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes;
  for (;;) {
    const low = await viewAt(at, 3);
    if (low === null) return notWhole("zstd");
    const header = low.getUint16(0, true) | (low.getUint8(2) << 16);
    const type = (header >> 1) & 3;
    if (type === 3) return `its zstd data are damaged at byte ${at}`;
    // A block of one repeated byte (1) has that byte only.
    at += 3 + (type === 1 ? 1 : header >> 3);
    if ((header & 1) !== 0) break;
  }
  at += (descriptor & 4) === 0 ? 0 : 4;
  return at > blob.size ? notWhole("zstd") : at;
}

/** The most that 8 MiB, the length of a block, can become by compression. */
const lz4BlockLimit = 8 * 1024 * 1024 + (8 * 1024 * 1024) / 255 + 16;

/** The legacy form, the only one that the kernel takes: blocks that say their length, to the end or to zeros. */
async function lz4End(blob: BlobSource, start: number): Promise<MemberEnd> {
  const viewAt = viewOf(blob);
  let at = start + 4;
  for (;;) {
    const length = (await viewAt(at, 4))?.getUint32(0, true);
    if (length === undefined || length === 0) break;
    const isNextMember = length === 0x184c2102;
    if (isNextMember) break;
    if (length > lz4BlockLimit) {
      return at === start + 4
        ? `its lz4 data are damaged at byte ${at}`
        : `its lz4 data end at byte ${at}, and something follows`;
    }
    at += 4 + length;
    if (at > blob.size) return notWhole("lz4");
  }
  return at === start + 4 ? notWhole("lz4") : at;
}

/** As `lzop` writes it (lib/decompress_unlzo.c): a header, and blocks with lengths and checksums, the last of 0. */
async function lzoEnd(blob: BlobSource, start: number): Promise<MemberEnd> {
  const viewAt = viewOf(blob);
  const version = (await viewAt(start + 9, 2))?.getUint16(0);
  if (version === undefined) return notWhole("lzo");
  const isNew = version >= 0x0940;
  const flagsAt = start + 9 + 4 + (isNew ? 2 : 0) + 1 + (isNew ? 1 : 0);
  const flags = (await viewAt(flagsAt, 4))?.getUint32(0);
  if (flags === undefined) return notWhole("lzo");
  const nameAt = flagsAt + 4 + ((flags & 0x800) === 0 ? 0 : 4) + 8 + (isNew ? 4 : 0);
  const nameBytes = (await viewAt(nameAt, 1))?.getUint8(0);
  if (nameBytes === undefined) return notWhole("lzo");
  let at = nameAt + 1 + nameBytes + 4;
  for (;;) {
    const whole = (await viewAt(at, 4))?.getUint32(0);
    if (whole === undefined) return notWhole("lzo");
    at += 4;
    if (whole === 0) return at;
    const packed = (await viewAt(at, 4))?.getUint32(0);
    if (packed === undefined) return notWhole("lzo");
    if (packed > whole) return `its lzo data are damaged at byte ${at}`;
    at += 4 + 4 * bitsSet(flags & 0x101);
    if (packed < whole) at += 4 * bitsSet(flags & 0x202);
    at += packed;
    if (at > blob.size) return notWhole("lzo");
  }
}

function bitsSet(value: number): number {
  return value.toString(2).replaceAll("0", "").length;
}

const CHUNK_BYTES = 1024 * 1024;

/** A stream ends with a mark of 48 bits, at any bit, and a checksum of 32. */
async function bzip2End(blob: BlobSource, start: number): Promise<MemberEnd> {
  // The five whole bytes within the mark, for each bit that it may begin at.
  const patterns = Array.from({ length: 8 }, (_, shift) => {
    const shifted = BZIP2_END << BigInt(8 - shift);
    return Buffer.from(shifted.toString(16).padStart(14, "0"), "hex").subarray(1, 6);
  });
  for (let at = start + 4; at < blob.size; at += CHUNK_BYTES) {
    const chunk = Buffer.from(await blob.read(at, CHUNK_BYTES + 8));
    const ends = patterns.flatMap((pattern, shift) => {
      const found = chunk.indexOf(pattern);
      return found === -1 ? [] : [at + found - 1 + Math.ceil((shift + 80) / 8)];
    });
    const end = ends.toSorted((a, b) => a - b).find((one) => one <= blob.size);
    if (end !== undefined) return end;
  }
  return notWhole("bzip2");
}

/** Nothing in it tells where it ends; whatever follows is taken for a part of it. */
async function lzmaEnd(blob: BlobSource): Promise<MemberEnd> {
  return blob.size;
}
