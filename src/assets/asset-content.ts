/** What a file of the asset folder is to a boot, as far as its name says. */
export type AssetContent = "kernel" | "initramfs" | "other";

/*
 * Names that distributions and boards give them: Debian's `linux` and `vmlinuz-6.1.0-18-amd64`, `bzImage`, `Image.gz`
 * and `zImage` as Linux builds them, U-Boot's `uImage` and `uInitrd`, the Raspberry Pi's `kernel8.img` and
 * `kernel_2712.img`, `initrd.gz`, `initramfs8`, `initrd.img-6.1.0-18-amd64`.
 */
const kernel = /^(vmlinu[xz]|bzimage|zimage|uimage|image|linux|kernel(7l?|8|_?2712)?)([._-].*)?$/;
const initramfs = /^(u?initrd|uinitramfs|initramfs)(8|7l?|_?2712)?([._-].*)?$/;
const beside = /\.(cfg|conf|config|txt|json|ya?ml|sig|asc|efi|mod|dtbo?|md5|sha\d+(sum)?)$/;

/** By the last part of its name. */
export function contentOf(path: string): AssetContent {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  if (beside.test(name)) return "other";
  if (initramfs.test(name)) return "initramfs";
  return kernel.test(name) ? "kernel" : "other";
}
