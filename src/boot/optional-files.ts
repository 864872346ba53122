/*
 * Files that boot programs look for and go on without: that they are not there is no trouble of a machine's.
 * Sources: shim 16 (`shim.c`: revocations, certificates, MokManager, fallback), GRUB 2.12 (`net.c`: grub.cfg
 * by hardware address and IPv4 address; the lists beside its modules), PXELINUX (the same for its
 * configuration), iPXE 1.21 and later (autoexec.ipxe). The name that each of them tries last, such as
 * `grub.cfg`, is not among them: without it there is nothing to boot.
 */
const optional: readonly RegExp[] = [
  /^revocations(_[a-z]+)?\.efi$/,
  /^shim_certificate(_\d+)?\.efi$/,
  /^(mm|fb)(x64|ia32|aa64|arm|riscv64|loongarch64)\.efi$/,
  /^grub\.cfg-[0-9a-f][0-9a-f:-]*$/,
  /^(command|fs|crypto|terminal|video|partmap|parttool)\.lst$/,
  /^autoexec\.ipxe$/,
  // What a browser asks for that is pointed at the boot port.
  /^favicon\.ico$/,
];
/** In the folder `pxelinux.cfg`: a UUID, `01-` and the hardware address, an IPv4 address in hex and its beginnings. */
const pxelinux =
  /^([0-9a-f]{1,8}|[0-9a-f]{2}(-[0-9a-f]{2}){6}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Whether a file that does not exist need not be there. `path` is as it was asked for, by TFTP or HTTP. */
export function isOptionalFile(path: string): boolean {
  const [name = "", folder = ""] = path
    .toLowerCase()
    .split(/[/\\]+/)
    .toReversed();
  if (folder === "pxelinux.cfg") return pxelinux.test(name);
  return optional.some((form) => form.test(name));
}
