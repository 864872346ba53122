/** One entry of a cpio archive; a folder comes before what is in it. */
export type CpioEntry =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: Buffer }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | {
      readonly kind: "device";
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

/** Type bits of `st_mode`, as in inode(7). */
const typeBits = { folder: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;

/** A cpio archive in the "newc" form, the one that the kernel unpacks (its buffer-format.rst). */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const records = entries.map((entry, index) => record(entry, index + 1));
  records.push(record({ kind: "file", path: "TRAILER!!!", mode: 0, bytes: Buffer.alloc(0) }, 0));
  return Buffer.concat(records);
}

function record(entry: CpioEntry, inode: number): Buffer {
  const content = contentOf(entry);
  const path = Buffer.from(`${entry.path}\0`);
  const [major, minor] = entry.kind === "device" ? [entry.major, entry.minor] : [0, 0];
  const numbers = [
    inode,
    inode === 0 ? 0 : typeBits[entry.kind] | permissionsOf(entry),
    0, // uid
    0, // gid
    1, // nlink
    0, // mtime: always the same, so that the same input gives the same archive
    content.length,
    0, // device of the file system, major and minor
    0,
    major,
    minor,
    path.length,
    0, // checksum, only used in the "crc" form
  ];
  const header = `070701${numbers.map((n) => n.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), path])), padded(content)]);
}

function contentOf(entry: CpioEntry): Buffer {
  if (entry.kind === "file") return entry.bytes;
  return Buffer.from(entry.kind === "link" ? entry.target : "");
}

function permissionsOf(entry: CpioEntry): number {
  if (entry.kind === "file") return entry.mode;
  return entry.kind === "device" ? 0o600 : 0o755;
}

/** Header with path, and content, each end at a multiple of four bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
