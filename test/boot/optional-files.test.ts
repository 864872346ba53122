import { describe, expect, it } from "vitest";
import { isOptionalFile } from "../../src/boot/optional-files.ts";

describe("field fault 16: a file that need not be there", () => {
  it.each([
    "revocations.efi",
    "//revocations.efi",
    "/08:00:27:29:4e:67/revocations_sbat.efi",
    "\\EFI\\BOOT\\mmx64.efi",
    "/loaders/mmaa64.efi",
    "shim_certificate.efi",
    "shim_certificate_3.efi",
    "fbx64.efi",
    "grub.cfg-01-08-00-27-29-4e-67",
    "/grub/grub.cfg-C0A84D32",
    "grub.cfg-C",
    "/grub/x86_64-efi/command.lst",
    "pxelinux.cfg/44332211-6655-8877-99aa-bbccddeeff00",
    "pxelinux.cfg/01-08-00-27-29-4e-67",
    "pxelinux.cfg/C0A84",
    "autoexec.ipxe",
    "AUTOEXEC.IPXE",
    "/favicon.ico",
    // U-Boot 2024.01
    "boot.scr.uimg",
    "C0A84D32.img",
    "pxelinux.cfg/default-arm-bcm283x-rpi",
    "dtb/current/board.dtb",
    // Raspberry Pi (raspberrypi/firmware#1605, #1012; rpi-eeprom#74)
    "bootsig.bin",
    "b66c4c16/autoboot.txt",
    "b66c4c16/recovery.elf",
    "b66c4c16/kernel8-32.img",
    "b66c4c16/armstub8-32.bin",
    "d9780558/start4.elf",
    "recover4.elf",
    // ONIE
    "onie-installer-x86_64-accton_as7726_32x-r0",
    "onie-installer-x86_64",
    "08-00-27-29-4e-67/onie-installer",
    "C0A84D/onie-updater",
    "grub/x86_64-efi/grub.cfg",
  ])("is %s", (path) => {
    expect(isOptionalFile(path)).toBe(true);
  });

  it.each([
    "ipxe.efi",
    "grubx64.efi",
    "grub.cfg",
    "pxelinux.cfg/default",
    "c0a84d32",
    "onie-installer",
    "bootcode.bin",
    "vmlinuz.img.dtb",
    "extlinux/extlinux.conf",
    "pxelinux.cfg/",
    "revocations.efi.bak",
    "/revocations.efi/ipxe.efi",
    "",
    "/",
  ])("is not %s", (path) => {
    expect(isOptionalFile(path)).toBe(false);
  });
});
