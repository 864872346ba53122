import type { BlobSource } from "../../lib/blob.ts";

/** PE/COFF `Machine` numbers (Microsoft PE Format, "Machine Types") of what boots by network. */
export const machines = {
  0x014c: "i386",
  0x01c2: "ARM",
  0x8664: "x86-64",
  0xaa64: "arm64",
  0x5032: "RISC-V 32",
  0x5064: "RISC-V 64",
  0x6264: "LoongArch 64",
} as const;

const COFF_HEADER_BYTES = 24;
const SECTION_HEADER_BYTES = 40;
const PE32_PLUS = 0x20b;
/** In the optional header: SizeOfHeaders and CheckSum, the same in both forms. */
const HEADER_BYTES_AT = 60;
const CHECKSUM_AT = 64;
const SHORTEST_OPTIONAL_BYTES = 68;
/** Offset of the certificate table's entry in the optional header; it holds a file offset, not an address. */
const CERTIFICATE_TABLE_AT = { pe32: 128, pe32Plus: 144 };

/** Where the parts of an EFI executable lie in its file. Offsets and lengths in bytes. */
export interface ExecutableLayout {
  /** A `Machine` number. */
  readonly machine: number;
  readonly checksumAt: number;
  /** The entry of the certificate table in the directory of tables. */
  readonly certificateEntryAt: number;
  readonly headerBytes: number;
  readonly sections: readonly { readonly at: number; readonly bytes: number }[];
  /** The signatures; null where there are none. */
  readonly certificates: { readonly at: number; readonly bytes: number } | null;
}

/** The layout of a loader, or a kernel with EFI stub; or what is wrong with it. */
export async function layoutOf(blob: BlobSource): Promise<ExecutableLayout | string> {
  const dos = view(await blob.read(0, 64));
  if (dos.byteLength < 64 || dos.getUint16(0) !== 0x4d5a) {
    return "it does not begin with MZ, so it is no EFI executable";
  }
  const at = dos.getUint32(0x3c, true);
  const coff = view(await blob.read(at, COFF_HEADER_BYTES));
  if (coff.byteLength < COFF_HEADER_BYTES || coff.getUint32(0) !== 0x50450000) {
    return `it has no PE header at byte ${at}, so it is no EFI executable`;
  }
  const sectionCount = coff.getUint16(6, true);
  const optionalBytes = coff.getUint16(20, true);
  const wanted = optionalBytes + sectionCount * SECTION_HEADER_BYTES;
  const headers = view(await blob.read(at + COFF_HEADER_BYTES, wanted));
  if (headers.byteLength < wanted || optionalBytes < SHORTEST_OPTIONAL_BYTES) {
    return "it ends within its PE headers";
  }
  const isPlus = headers.getUint16(0, true) === PE32_PLUS;
  const entryAt = isPlus ? CERTIFICATE_TABLE_AT.pe32Plus : CERTIFICATE_TABLE_AT.pe32;
  const hasEntry = optionalBytes >= entryAt + 8;
  const tableBytes = hasEntry ? headers.getUint32(entryAt + 4, true) : 0;
  const sections = Array.from({ length: sectionCount }, (_, section) => {
    const start = optionalBytes + section * SECTION_HEADER_BYTES;
    return { bytes: headers.getUint32(start + 16, true), at: headers.getUint32(start + 20, true) };
  }).filter(({ bytes }) => bytes > 0);
  return {
    machine: coff.getUint16(4, true),
    checksumAt: at + COFF_HEADER_BYTES + CHECKSUM_AT,
    certificateEntryAt: at + COFF_HEADER_BYTES + entryAt,
    headerBytes: headers.getUint32(HEADER_BYTES_AT, true),
    sections,
    certificates:
      tableBytes === 0 ? null : { at: headers.getUint32(entryAt, true), bytes: tableBytes },
  };
}

/**
 * What is wrong with an EFI executable, or null: `MZ` and `PE` headers, the machine it is for, and that
 * no section and no signature lies behind the file's end.
 *
 * @param expectedMachine a `Machine` number, or null for any known one
 */
export async function executableProblem(
  blob: BlobSource,
  expectedMachine: number | null,
): Promise<string | null> {
  const layout = await layoutOf(blob);
  if (typeof layout === "string") return layout;
  const { machine, sections, certificates } = layout;
  const machineName = nameOfMachine(machine);
  if (machineName === null) return `it is for an unknown machine type 0x${machine.toString(16)}`;
  if (expectedMachine !== null && machine !== expectedMachine) {
    return `it is for ${machineName}, and its name says ${nameOfMachine(expectedMachine)}`;
  }
  const parts = certificates === null ? sections : [...sections, certificates];
  const neededBytes = Math.max(0, ...parts.map(({ at, bytes }) => at + bytes));
  return neededBytes > blob.size
    ? `its PE headers speak of ${neededBytes} bytes, and it has ${blob.size}`
    : null;
}

/** The name of a `Machine` number; null when it is not known. */
export function nameOfMachine(machine: number): string | null {
  for (const [number, name] of Object.entries(machines)) {
    if (Number(number) === machine) return name;
  }
  return null;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
