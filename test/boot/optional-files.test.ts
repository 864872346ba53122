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
  ])("is %s", (path) => {
    expect(isOptionalFile(path)).toBe(true);
  });

  it.each([
    "ipxe.efi",
    "grubx64.efi",
    "grub.cfg",
    "pxelinux.cfg/default",
    "c0a84d32",
    "revocations.efi.bak",
    "/revocations.efi/ipxe.efi",
    "",
    "/",
  ])("is not %s", (path) => {
    expect(isOptionalFile(path)).toBe(false);
  });
});
