import type { BlobSource } from "../lib/blob.ts";

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
/** Offset of the certificate table's entry in the optional header; it holds a file offset, not an address. */
const CERTIFICATE_TABLE_AT = { pe32: 128, pe32Plus: 144 };

/**
 * What is wrong with an EFI executable (a loader, or a kernel with EFI stub), or null: `MZ` and `PE`
 * headers, the machine it is for, and that no section and no signature lies behind the file's end.
 *
 * @param expectedMachine a `Machine` number, or null for any known one
 */
export async function executableProblem(
  blob: BlobSource,
  expectedMachine: number | null,
): Promise<string | null> {
  const dos = view(await blob.read(0, 64));
  if (dos.byteLength < 64 || dos.getUint16(0) !== 0x4d5a) {
    return "it does not begin with MZ, so it is no EFI executable";
  }
  const at = dos.getUint32(0x3c, true);
  const coff = view(await blob.read(at, COFF_HEADER_BYTES));
  if (coff.byteLength < COFF_HEADER_BYTES || coff.getUint32(0) !== 0x50450000) {
    return `it has no PE header at byte ${at}, so it is no EFI executable`;
  }
  const machine = coff.getUint16(4, true);
  const machineName = nameOfMachine(machine);
  if (machineName === null) return `it is for an unknown machine type 0x${machine.toString(16)}`;
  if (expectedMachine !== null && machine !== expectedMachine) {
    return `it is for ${machineName}, and its name says ${nameOfMachine(expectedMachine)}`;
  }

  const sections = coff.getUint16(6, true);
  const optionalBytes = coff.getUint16(20, true);
  const headers = view(
    await blob.read(at + COFF_HEADER_BYTES, optionalBytes + sections * SECTION_HEADER_BYTES),
  );
  if (headers.byteLength < optionalBytes + sections * SECTION_HEADER_BYTES) {
    return "it ends within its PE headers";
  }
  let neededBytes = signatureEnd(headers, optionalBytes);
  for (let section = 0; section < sections; section++) {
    const start = optionalBytes + section * SECTION_HEADER_BYTES;
    const rawBytes = headers.getUint32(start + 16, true);
    const rawAt = headers.getUint32(start + 20, true);
    if (rawBytes > 0) neededBytes = Math.max(neededBytes, rawAt + rawBytes);
  }
  return neededBytes > blob.size
    ? `its PE headers speak of ${neededBytes} bytes, and it has ${blob.size}`
    : null;
}

function signatureEnd(headers: DataView, optionalBytes: number): number {
  if (optionalBytes < 2) return 0;
  const at =
    headers.getUint16(0, true) === PE32_PLUS
      ? CERTIFICATE_TABLE_AT.pe32Plus
      : CERTIFICATE_TABLE_AT.pe32;
  if (optionalBytes < at + 8) return 0;
  return headers.getUint32(at, true) + headers.getUint32(at + 4, true);
}

function nameOfMachine(machine: number): string | null {
  for (const [number, name] of Object.entries(machines)) {
    if (Number(number) === machine) return name;
  }
  return null;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
