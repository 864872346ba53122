import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.ts";
import type { Firmware } from "./qemu-command.ts";

/** What is needed on this machine to make a disk that UEFI starts from. */
export const diskTools = ["mformat", "mmd", "mcopy"] as const;

/** The line that the system on the disk writes to the console; then it switches the machine off. */
export const diskMarker = "EIM-PXE-LAB disk up";

/** Makes a disk with the smallest system that this kind of firmware starts, and gives its path. */
export async function bootableDisk(firmware: Firmware, folder: string): Promise<string> {
  const disk = join(folder, `${firmware}.disk.img`);
  if (firmware === "bios") {
    await writeFile(disk, bootSector());
    await truncate(disk, 1024 * 1024);
    return disk;
  }
  const program = join(folder, "disk.efi");
  await writeFile(program, efiProgram());
  await run(["mformat", "-i", disk, "-C", "-T", "65536", "::"]);
  await run(["mmd", "-i", disk, "::EFI", "::EFI/BOOT"]);
  await run(["mcopy", "-o", "-i", disk, program, "::EFI/BOOT/BOOTX64.EFI"]);
  return disk;
}

/** Writes the marker to the first serial port, and resets by the keyboard controller, which ends QEMU. */
function bootSector(): Uint8Array {
  const code = [
    [0x31, 0xc0], // xor ax, ax
    [0x8e, 0xd8], // mov ds, ax
    [0xfc], // cld
    [0xbe, 0x26, 0x7c], // mov si, message
    [0xac], // next: lodsb
    [0x84, 0xc0], // test al, al
    [0x74, 0x12], // jz done
    [0x88, 0xc3], // mov bl, al
    [0xba, 0xfd, 0x03], // mov dx, 0x3fd: line status
    [0xec], // wait: in al, dx
    [0xa8, 0x20], // test al, 0x20: may be written
    [0x74, 0xfb], // jz wait
    [0x88, 0xd8], // mov al, bl
    [0xba, 0xf8, 0x03], // mov dx, 0x3f8
    [0xee], // out dx, al
    [0xeb, 0xe9], // jmp next
    [0xb0, 0xfe], // done: mov al, 0xfe
    [0xe6, 0x64], // out 0x64, al
    [0xf4], // hlt
    [0xeb, 0xfd], // jmp hlt
  ].flat();
  const sector = new Uint8Array(512);
  sector.set(code);
  sector.set(new TextEncoder().encode(`\r\n${diskMarker}\r\n`), code.length);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

const TEXT_AT = 0x1000;

/** A PE32+ image of one section: `ConOut->OutputString(marker)`, then `ResetSystem(EfiResetShutdown)`. */
function efiProgram(): Uint8Array {
  const code = [
    [0x48, 0x83, 0xec, 0x28], // sub rsp, 0x28
    [0x48, 0x89, 0xd3], // mov rbx, rdx: the system table
    [0x48, 0x8b, 0x4a, 0x40], // mov rcx, [rdx + 0x40]: ConOut
    [0x48, 0x8d, 0x15, 0x19, 0, 0, 0], // lea rdx, [rip + 0x19]: the message
    [0xff, 0x51, 0x08], // call [rcx + 8]: OutputString
    [0x48, 0x8b, 0x43, 0x58], // mov rax, [rbx + 0x58]: RuntimeServices
    [0xb9, 2, 0, 0, 0], // mov ecx, EfiResetShutdown
    [0x31, 0xd2], // xor edx, edx
    [0x45, 0x31, 0xc0], // xor r8d, r8d
    [0x45, 0x31, 0xc9], // xor r9d, r9d
    [0xff, 0x50, 0x68], // call [rax + 0x68]: ResetSystem
    [0xeb, 0xfe], // jmp here
  ].flat();
  const image = new Uint8Array(0x400);
  const view = new DataView(image.buffer);
  image.set([0x4d, 0x5a]); // MZ
  view.setUint32(0x3c, 0x40, true);
  image.set([0x50, 0x45, 0, 0], 0x40); // PE
  view.setUint16(0x44, 0x8664, true); // x86-64
  view.setUint16(0x46, 1, true); // sections
  view.setUint16(0x54, 240, true); // size of the optional header
  view.setUint16(0x56, 0x0206, true);
  const optional = 0x58;
  view.setUint16(optional, 0x20b, true); // PE32+
  view.setUint32(optional + 4, 0x200, true); // size of code
  view.setUint32(optional + 16, TEXT_AT, true); // entry point
  view.setUint32(optional + 20, TEXT_AT, true); // base of code
  view.setUint32(optional + 32, 0x1000, true); // section alignment
  view.setUint32(optional + 36, 0x200, true); // file alignment
  view.setUint32(optional + 56, 0x2000, true); // size of image
  view.setUint32(optional + 60, 0x200, true); // size of headers
  view.setUint16(optional + 68, 10, true); // an EFI application
  view.setUint32(optional + 108, 16, true); // data directories
  const section = optional + 240;
  image.set(new TextEncoder().encode(".text"), section);
  view.setUint32(section + 8, 0x200, true); // virtual size
  view.setUint32(section + 12, TEXT_AT, true);
  view.setUint32(section + 16, 0x200, true); // size in the file
  view.setUint32(section + 20, 0x200, true); // place in the file
  view.setUint32(section + 36, 0x60000020, true); // code, readable, executable
  image.set(code, 0x200);
  const message = Buffer.from(`\r\n${diskMarker}\r\n\0`, "utf16le");
  image.set(message, 0x200 + code.length);
  return image;
}
