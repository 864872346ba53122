import type { BootParts } from "./boot-parts.ts";

/* What other boot programs than iPXE are told to boot. */

/** Where TFTP and HTTP have the files of the mirror. */
export const ARTIFACTS = "/artifacts";

/**
 * For PXELINUX and U-Boot, which understands most of its syntax (U-Boot, doc/usage/cmd/pxe.rst). A path that begins
 * with a slash is the server's, whatever folder the configuration came from.
 */
export function pxelinuxConfig({ kernel, initramfs, args }: BootParts): string {
  return [
    "default micro-os",
    "prompt 0",
    "label micro-os",
    `  kernel ${ARTIFACTS}/${kernel}`,
    ...(initramfs.length === 0
      ? []
      : [`  initrd ${initramfs.map((name) => `${ARTIFACTS}/${name}`).join(",")}`]),
    ...(args.length === 0 ? [] : [`  append ${args.join(" ")}`]),
    "",
  ].join("\n");
}

/** For GRUB. */
export function grubConfig({ kernel, initramfs, args }: BootParts): string {
  const words = [`${ARTIFACTS}/${kernel}`, ...args].map(quoted).join(" ");
  const files = initramfs.map((name) => quoted(`${ARTIFACTS}/${name}`)).join(" ");
  return [`linux ${words}`, ...(files === "" ? [] : [`initrd ${files}`]), "boot", ""].join("\n");
}

/** Sends the machine on to its disk: the boot program ends, and the firmware takes its next entry. */
export function localConfig(syntax: "pxelinux" | "grub"): string {
  return syntax === "grub"
    ? "exit\n"
    : ["default local", "prompt 0", "label local", "  localboot -1", ""].join("\n");
}

/** GRUB takes nothing in single quotes for anything else (GRUB manual, 6.2 Quoting). */
function quoted(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
