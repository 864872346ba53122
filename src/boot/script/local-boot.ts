import type { LocalBootWay } from "../local-boot.ts";

/**
 * The setting by which a script that ran this one knows that it is not to try again. iPXE keeps it from one
 * script to the next.
 */
export const LOCAL_BOOT_SETTING = "eim-local";

/**
 * A script that sends the machine on to its disk. Both end with an error: EDK2 takes the next entry of its boot
 * order only then, and shows its menu after a success (MdeModulePkg, BdsEntry.c, BootBootOptions). To a BIOS
 * it is the same.
 *
 * @param loader user agent of an iPXE that was loaded as a file; null: it is the network card's own
 */
export function localBootScript(
  way: Extract<LocalBootWay, "exit" | "sanboot">,
  reason: string,
  loader: string | null = null,
): string {
  return [
    "#!ipxe",
    `set ${LOCAL_BOOT_SETTING}:int32 1`,
    `echo ${saying}${plain(reason)}`,
    ...(way === "sanboot" ? sanboot : []),
    ...(cannotEnd(loader) ? restart : []),
    "exit 1",
    "",
  ].join("\n");
}

/**
 * iPXE before 1.20 (Debian 12 has one of 2019) never gives a UEFI machine back that has loaded it: EDK2 then polls the
 * network card by iPXE's driver, which does not return; nor does it find a disk. In a card's ROM it does.
 */
export function cannotEnd(loader: string | null): boolean {
  return loader !== null && /^iPXE\/1\.0\.0\b/.test(loader);
}

/** Back to its firmware the long way; under `auto` it is sent on by `not-found` then. */
const restart = [
  "iseq ${platform} efi || goto end",
  "echo eim-pxe: this iPXE is too old to give the machine back to its firmware, so it restarts",
  "reboot",
  ":end",
];

/** Why a script sends its machine on to its disk; null: it is another script. */
export function localBootReason(script: string): string | null {
  const line = script.split(/\r?\n/).find((one) => one.startsWith(`echo ${saying}`));
  return line?.slice(`echo ${saying}`.length) ?? null;
}

const saying = "eim-pxe: this machine goes on to its disk: ";

/** The first disk as the BIOS numbers it; by UEFI the loader that every disk may have (UEFI 3.5.1.1). */
const sanboot = [
  "iseq ${platform} efi && goto efi ||",
  "sanboot --no-describe --drive 0x80 || goto failed",
  ":efi",
  "sanboot --no-describe --drive 0x80 --filename \\EFI\\BOOT\\BOOTX64.EFI ||",
  ":failed",
];

/** Nothing in it means anything to iPXE. */
function plain(text: string): string {
  return text.replace(/[^\w .,:()-]/g, "");
}
