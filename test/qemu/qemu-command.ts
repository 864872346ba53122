import { copyFile } from "node:fs/promises";
import type { Arch } from "./micro-os.ts";

/** The kinds of firmware that a machine of the lab can have. */
export const firmwares = [
  "bios",
  "uefi",
  "uefi-ipxe-rom",
  "uefi-http",
  "uefi-secure",
  "uefi-arm64",
  "u-boot",
] as const;
export type Firmware = (typeof firmwares)[number];

export interface FirmwareFacts {
  readonly title: string;
  readonly arch: Arch;
  /** Power-on to the Micro-OS's marker with Debian 12's loaders, emulated, on a quiet core. */
  readonly usualSeconds: number;
}

export const firmwareFacts: { readonly [F in Firmware]: FirmwareFacts } = {
  bios: x64("BIOS: SeaBIOS, iPXE in the card's ROM", 22),
  uefi: x64("UEFI x64: EDK2's own PXE", 31),
  "uefi-ipxe-rom": x64("UEFI x64: iPXE in the card's ROM", 29),
  "uefi-http": x64("UEFI x64: EDK2's HTTP boot", 31),
  "uefi-secure": x64("UEFI x64: EDK2's own PXE, with Secure Boot", 40),
  "uefi-arm64": { title: "UEFI arm64: EDK2's own PXE", arch: "arm64", usualSeconds: 17 },
  "u-boot": { title: "U-Boot on arm64", arch: "arm64", usualSeconds: 20 },
};

function x64(title: string, usualSeconds: number): FirmwareFacts {
  return { title, arch: "x86_64", usualSeconds };
}

/** `tcg` is software emulation, which works everywhere; `kvm` falls back to it by itself. */
export const accelerators = ["tcg", "kvm"] as const;
export type Accelerator = (typeof accelerators)[number];

/** A machine that can be powered on. */
export interface Machine {
  readonly firmware: Firmware;
  readonly mac: string;
  readonly uuid: string;
  readonly serial: string;
  /** Default: 1024. */
  readonly memoryMiB?: number;
  /** What the firmware's variables are made from, such as another list of keys; default: its own. */
  readonly variables?: string;
  /** A disk image, which the firmware starts from when it does not start from the network. */
  readonly disk?: string;
}

/** EDK2 as Debian packs it: the code, and a template of its variables. */
const edk2 = {
  x86_64: ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
  arm64: ["/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"],
} as const satisfies Record<Arch, readonly [string, string]>;

/** Variables with the keys of Microsoft and no other. */
export const microsoftKeys = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";

/** The same with Secure Boot, and the key of Debian's test certificate ("snakeoil") in it. */
const edk2Secure = [
  "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
  "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd",
] as const;

const uBoot = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";

/** The programs and files that the machines need. */
export const machineTools = ["qemu-system-x86_64", ...edk2.x86_64] as const;
/** The same for arm64 machines. */
export const arm64Tools = ["qemu-system-aarch64", ...edk2.arm64, uBoot, "depmod"] as const;

/** QEMU's command line for the machine. Its serial console is QEMU's standard input and output. */
export async function qemuCommand(
  machine: Machine,
  options: {
    readonly tap: string;
    readonly accelerator: Accelerator;
    /** A file to make for the firmware's variables. */
    readonly variables: string;
  },
): Promise<[string, ...string[]]> {
  const { tap, accelerator, variables } = options;
  const { arch } = firmwareFacts[machine.firmware];
  const arm64 = arch === "arm64";
  const flags = [
    // QEMU tries accelerators in order: where /dev/kvm cannot be opened it emulates.
    accelerator === "kvm" ? ["-accel", "kvm"] : [],
    ["-accel", "tcg"],
    // "max" of an arm64 machine takes three times as long.
    arm64 ? ["-M", "virt", "-cpu", "cortex-a57"] : ["-cpu", "max"],
    ["-m", String(machine.memoryMiB ?? 1024)],
    ["-nographic", "-nodefaults"],
    // A machine with a disk may come to it by a restart.
    machine.disk === undefined ? ["-no-reboot"] : [],
    ["-chardev", "stdio,id=console"],
    ["-serial", "chardev:console"],
    ["-netdev", `tap,id=n0,ifname=${tap},script=no,downscript=no`],
    ["-smbios", `type=1,serial=${machine.serial},uuid=${machine.uuid}`],
    ...(await firmwareFlags(machine, variables)),
    ...cardFlags(machine),
    ...diskFlags(machine),
  ];
  return [arm64 ? "qemu-system-aarch64" : "qemu-system-x86_64", ...flags.flat()];
}

async function firmwareFlags(
  { firmware, variables: template }: Machine,
  variables: string,
): Promise<string[][]> {
  if (firmware === "bios") return [];
  if (firmware === "u-boot") return [["-bios", uBoot]];
  if (firmware === "uefi-secure") {
    const machine = ["-machine", "q35,smm=on"];
    const secure = ["-global", "driver=cfi.pflash01,property=secure,value=on"];
    const [code, usual] = edk2Secure;
    return [machine, secure, ...(await flashFlags([code, template ?? usual], variables))];
  }
  return uefiFlags(firmwareFacts[firmware].arch, variables);
}

/** EDK2 without a network card, its variables in a new file. */
export async function uefiFlags(arch: Arch, variables: string): Promise<string[][]> {
  return flashFlags(edk2[arch], variables);
}

async function flashFlags(
  [code, template]: readonly [string, string],
  variables: string,
): Promise<string[][]> {
  await copyFile(template, variables);
  return [
    ["-drive", `if=pflash,format=raw,readonly=on,file=${code}`],
    ["-drive", `if=pflash,format=raw,file=${variables}`],
    // OVMF does no PXE without a source of random numbers.
    ["-object", "rng-random,id=r0,filename=/dev/urandom"],
    ["-device", "virtio-rng-pci,rng=r0"],
  ];
}

function diskFlags({ disk }: Machine): string[][] {
  if (disk === undefined) return [];
  return [
    ["-drive", `if=none,id=disk,format=raw,file=${disk}`],
    ["-device", "virtio-blk-pci,drive=disk,bootindex=2"],
    // As on most sites: the disk comes after the network by IPv4.
    ["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=no"],
  ];
}

function cardFlags({ firmware, mac }: Machine): string[][] {
  const card = `virtio-net-pci,netdev=n0,mac=${mac}`;
  switch (firmware) {
    case "bios":
    case "uefi-ipxe-rom":
      // QEMU's own ROM for the card is iPXE, for either kind of firmware.
      return [["-device", `${card},bootindex=1`]];
    case "uefi":
    case "uefi-secure":
    case "uefi-arm64":
      // An empty ROM leaves the card to the firmware's own driver and its own PXE.
      return [["-device", `${card},romfile=,bootindex=1`]];
    case "u-boot":
      return [["-device", `${card},romfile=`]];
    case "uefi-http":
      // HTTP boot comes when PXE has failed by both protocols, two minutes later; so PXE is off.
      return [
        ["-device", `${card},romfile=`],
        ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=no"],
        ["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=no"],
      ];
  }
}
