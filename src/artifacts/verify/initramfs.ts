import { createGunzip } from "node:zlib";
import type { BlobSource } from "../../lib/blob.ts";
import { startsWith, toText } from "../../lib/bytes.ts";
import { messageOf } from "../../lib/errors.ts";
import { bufferedReader } from "./buffered-reader.ts";
import {
  type Inflated,
  type MemberEnd,
  type MemberForm,
  memberForms,
} from "./compressed-members.ts";
import { xzEnd } from "./xz.ts";

const CHUNK_BYTES = 256 * 1024;
/** No machine has the memory for more; 4 GiB of zeros that are packed become four thousand. */
const MOST_INFLATED_BYTES = 32 * 1024 ** 3;
const CPIO_HEADER_BYTES = 110;
const CPIO_TRAILER = "TRAILER!!!";
/** The kernel's own limit of a name in an initramfs (PATH_MAX). */
const CPIO_NAME_LIMIT = 4096;

const GZIP_MAGIC = Uint8Array.of(0x1f, 0x8b, 0x08);
const XZ_MAGIC = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);

/**
 * What is wrong with an initramfs, or null. As for the kernel it is a sequence of cpio archives (newc form) and
 * compressed members, with zeros between them. Of xz all headers, the index and the footer are checked; gzip is
 * inflated whole, so that its CRC-32 and length are checked; of zstd, lz4, lzo and bzip2 the lengths that they
 * carry; of lzma only its beginning, for it carries none.
 *
 * @param mostBytes that it may inflate to
 */
export async function initramfsProblem(
  blob: BlobSource,
  mostBytes = MOST_INFLATED_BYTES,
): Promise<string | null> {
  const inflated: Inflated = { bytes: 0, mostBytes };
  let at = 0;
  let former: string | null = null;
  while (at < blob.size) {
    const first = await blob.read(at, 16);
    const form = forms.find(({ begins }) => begins(first));
    if (form === undefined) {
      return former === null
        ? "it is none of xz, gzip, zstd and cpio (newc), and of lz4, lzo, bzip2 and lzma neither"
        : `its ${former} ends at byte ${at}, and what follows is no archive: something follows that does not belong there`;
    }
    const end = await form.end(blob, at, inflated);
    if (typeof end === "string") return end;
    former = form.name;
    at = await skipZeros(blob, end);
  }
  return former === null ? "it is empty" : null;
}

const forms: readonly MemberForm[] = [
  {
    name: "cpio archive",
    begins: (first) => /^07070[12]/.test(toText(first)),
    end: cpioEnd,
  },
  { name: "gzip stream", begins: (first) => startsWith(first, GZIP_MAGIC), end: gzipEnd },
  { name: "xz stream", begins: (first) => startsWith(first, XZ_MAGIC), end: xzEnd },
  ...memberForms,
];

/** What is wrong with a gzip file (zero padding at its end is allowed), or null. */
export async function gzipProblem(
  blob: BlobSource,
  mostBytes = MOST_INFLATED_BYTES,
): Promise<string | null> {
  const end = await gzipEnd(blob, 0, { bytes: 0, mostBytes });
  if (typeof end === "string") return end;
  return (await skipZeros(blob, end)) < blob.size
    ? `its gzip stream ends at byte ${end}, and something follows`
    : null;
}

/** All streams that stand one behind the other. */
async function gzipEnd(blob: BlobSource, start: number, all: Inflated): Promise<MemberEnd> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const inflated = new Promise<string | null>((resolve) => {
    gunzip.once("end", () => resolve(null));
    gunzip.once("error", (error) => resolve(`its gzip stream is damaged: ${messageOf(error)}`));
    gunzip.on("data", (chunk: Uint8Array) => {
      all.bytes += chunk.length;
      if (all.bytes <= all.mostBytes) return;
      resolve(
        `it inflates to more than ${all.mostBytes} bytes, for which no machine has the memory`,
      );
      gunzip.destroy();
    });
  });
  let fed = start;
  // It stops taking bytes behind the stream's end.
  while (fed < blob.size && !gunzip.destroyed && start + gunzip.bytesWritten === fed) {
    const chunk = await blob.read(fed, CHUNK_BYTES);
    if (chunk.length === 0) break;
    fed += chunk.length;
    const taken = new Promise<void>((resolve) => gunzip.write(chunk, () => resolve()));
    // A write that fails is never called back.
    await Promise.race([taken, inflated]);
  }
  gunzip.end();
  return (await inflated) ?? start + gunzip.bytesWritten;
}

/** The offset behind the trailer of the cpio archive at `start`, or what is wrong with it. */
async function cpioEnd(blob: BlobSource, start: number): Promise<MemberEnd> {
  const reader = bufferedReader(blob, CHUNK_BYTES);
  let at = start;
  while (true) {
    const headerBytes = await reader(at, CPIO_HEADER_BYTES);
    if (headerBytes.length < CPIO_HEADER_BYTES) return "its cpio archive ends without a trailer";
    const header = toText(headerBytes);
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(header)) {
      return `its cpio archive has no valid header at byte ${at}`;
    }
    const fileBytes = Number.parseInt(header.slice(54, 62), 16);
    const nameBytes = Number.parseInt(header.slice(94, 102), 16);
    if (nameBytes === 0 || nameBytes > CPIO_NAME_LIMIT) {
      return `its cpio archive has no valid name at byte ${at}`;
    }
    const name = toText(await reader(at + CPIO_HEADER_BYTES, nameBytes));
    const dataAt = alignTo4(at - start + CPIO_HEADER_BYTES + nameBytes) + start;
    if (name === CPIO_TRAILER) return Math.min(dataAt, blob.size);
    at = alignTo4(dataAt - start + fileBytes) + start;
    if (at > blob.size) return "its cpio archive ends within a file";
  }
}

/** The offset of the first byte at or behind `from` that is not zero; the blob's size if there is none. */
async function skipZeros(blob: BlobSource, from: number): Promise<number> {
  let at = from;
  while (at < blob.size) {
    const chunk = await blob.read(at, CHUNK_BYTES);
    if (chunk.length === 0) break;
    const offset = chunk.findIndex((byte) => byte !== 0);
    if (offset !== -1) return at + offset;
    at += chunk.length;
  }
  return blob.size;
}

function alignTo4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
