/*
 * Files that boot programs look for and go on without: that they are not there is no trouble of a machine's. The
 * name that each of them tries last, such as `grub.cfg`, is not among them: without it there is nothing to boot.
 */

interface OptionalFiles {
  /** Who asks, and where that is written. */
  readonly source: string;
  /** Of the last part of the name, in lower case. */
  readonly name: RegExp;
  /** Of the part before it, where the name alone does not tell. */
  readonly folder?: RegExp;
}

/** An IPv4 address in hex and its beginnings, ARP type and hardware address, a UUID. */
const ofMachine =
  /^([0-9a-f]{1,8}|[0-9a-f]{2}(-[0-9a-f]{2}){6}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
/** The Raspberry Pi's folder: the last 32 bits of its serial number. */
const ofPi = /^[0-9a-f]{8}$/;

const optional: readonly OptionalFiles[] = [
  { source: "shim 16, shim.c: revocations", name: /^revocations(_[a-z]+)?\.efi$/ },
  { source: "shim 16, shim.c: certificates", name: /^shim_certificate(_\d+)?\.efi$/ },
  {
    source: "shim 16, shim.c: MokManager and fallback",
    name: /^(mm|fb)(x64|ia32|aa64|arm|riscv64|loongarch64)\.efi$/,
  },
  {
    source: "GRUB 2.12, grub-core/net/net.c, grub_net_search_config_file",
    name: /^grub\.cfg-[0-9a-f][0-9a-f:-]*$/,
  },
  {
    source: "GRUB 2.12, grub-core/normal: lists beside the modules",
    name: /^(command|fs|crypto|terminal|video|partmap|parttool)\.lst$/,
  },
  {
    source: "Debian's grubnetx64.efi: before grub.cfg in the folder above",
    name: /^grub\.cfg$/,
    folder: /^(x86_64|i386|arm64|arm|riscv64|loongarch64)-efi$/,
  },
  {
    source: "GRUB 2.12, grub-core/gettext: translations; fonts and themes",
    name: /\.(mo|gmo)(\.gz)?$|^unicode\.pf2$/,
  },
  { source: "iPXE 1.21, interface/efi/efi_autoexec.c", name: /^autoexec\.ipxe$/ },
  {
    source: "PXELINUX 6.04, core/fs/pxe/pxe.c, pxe_load_config",
    name: ofMachine,
    folder: /^pxelinux\.cfg$/,
  },
  {
    source: "U-Boot 2024.01, cmd/pxe.c: default-ARCH-SOC-BOARD",
    name: /^default-[a-z0-9_.-]+$/,
    folder: /^pxelinux\.cfg$/,
  },
  {
    source: "U-Boot 2024.01, include/config_distro_bootcmd.h: boot_script_dhcp and its siblings",
    name: /^boot\.scr(\.uimg)?$/,
  },
  {
    source: "U-Boot 2024.01, net/net.c: the hexadecimal address where no file was named",
    name: /^[0-9a-f]{8}\.img$/,
  },
  {
    source: "U-Boot 2024.01, config_distro_bootcmd.h: the device tree for UEFI, in three folders",
    name: /\.dtb$/,
    folder: /^(dtb|current|dtbs?)$/,
  },
  {
    source: "Raspberry Pi 3, raspberrypi/firmware#1605: the boot ROM and bootcode.bin",
    name: /^(bootsig\.bin|autoboot\.txt|tryboot\.txt|recovery\.elf|recover4\.elf)$/,
  },
  {
    source: "Raspberry Pi 3 to 5, raspberrypi/firmware#1605 and #1012, rpi-eeprom#74: start.elf",
    name: /^(dt-blob\.bin|bootcfg\.txt|config\.sig|boot\.(img|sig)|extraconfig\.txt|armstub[\w-]*\.bin|(recovery|kernel)[\w-]*\.img|hat_map\.dtb|overlay_map\.dtb|recovery\.bin|pieeprom\.(bin|upd|sig)|vl805\.(bin|sig)|custommbr\.bin|nvram_\w+\.bin)$/,
  },
  {
    source: "Raspberry Pi 4 and 5, rpi-eeprom#74: first in its own folder, then without it",
    name: /^(start\w*\.elf|fixup\w*\.dat|config\.txt|cmdline\.txt)$/,
    folder: ofPi,
  },
  {
    source:
      "Raspberry Pi 4 and 5, rpi-eeprom#74: each model looks for its own, then for the older one",
    name: /^(start4?\.elf|start4?(cd|db|x)\.elf|config\.txt)$/,
  },
  {
    source:
      "ONIE, docs/design-spec/discovery.rst: default file names, of which `onie-installer` is the last",
    name: /^onie-(installer|updater)-[\w.-]+$/,
  },
  {
    source:
      "ONIE, docs/design-spec/discovery.rst: TFTP waterfall, by MAC and IPv4 address, before the top",
    name: /^onie-(installer|updater)(\.bin)?$/,
    folder: /^([0-9a-f]{2}(-[0-9a-f]{2}){5}|[0-9a-f]{1,8})$/,
  },
  { source: "a browser that is pointed at the boot port", name: /^favicon\.ico$/ },
];

/** Whether a file that does not exist need not be there. `path` is as it was asked for, by TFTP or HTTP. */
export function isOptionalFile(path: string): boolean {
  const [name = "", folder = ""] = path
    .toLowerCase()
    .split(/[/\\]+/)
    .toReversed();
  return optional.some(
    (row) => row.name.test(name) && (row.folder === undefined || row.folder.test(folder)),
  );
}
