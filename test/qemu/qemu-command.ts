import { copyFile } from "node:fs/promises";

/** The kinds of firmware that a machine of the lab can have. */
export const firmwares = ["bios", "uefi", "uefi-ipxe-rom", "uefi-http"] as const;
export type Firmware = (typeof firmwares)[number];

export interface FirmwareFacts {
  readonly title: string;
  /** Power-on to the Micro-OS's marker with Debian 12's loaders, emulated, on a quiet core. */
  readonly usualSeconds: number;
}

export const firmwareFacts: { readonly [F in Firmware]: FirmwareFacts } = {
  bios: { title: "BIOS: SeaBIOS, iPXE in the card's ROM", usualSeconds: 22 },
  uefi: { title: "UEFI x64: EDK2's own PXE", usualSeconds: 31 },
  "uefi-ipxe-rom": { title: "UEFI x64: iPXE in the card's ROM", usualSeconds: 29 },
  "uefi-http": { title: "UEFI x64: EDK2's HTTP boot", usualSeconds: 31 },
};

/** `tcg` is software emulation, which works everywhere; `kvm` falls back to it by itself. */
export const accelerators = ["tcg", "kvm"] as const;
export type Accelerator = (typeof accelerators)[number];

/** A machine that can be powered on. */
export interface Machine {
  readonly firmware: Firmware;
  readonly mac: string;
  readonly uuid: string;
  readonly serial: string;
}

const ovmfCode = "/usr/share/OVMF/OVMF_CODE.fd";
const ovmfVariables = "/usr/share/OVMF/OVMF_VARS.fd";

/** The programs and files that the machines need. */
export const machineTools = ["qemu-system-x86_64", ovmfCode, ovmfVariables] as const;

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
  const flags = [
    // QEMU tries accelerators in order: where /dev/kvm cannot be opened it emulates.
    accelerator === "kvm" ? ["-accel", "kvm"] : [],
    ["-accel", "tcg"],
    ["-cpu", "max"],
    ["-m", "1024"],
    ["-nographic", "-nodefaults", "-no-reboot"],
    ["-chardev", "stdio,id=console"],
    ["-serial", "chardev:console"],
    ["-netdev", `tap,id=n0,ifname=${tap},script=no,downscript=no`],
    ["-smbios", `type=1,serial=${machine.serial},uuid=${machine.uuid}`],
    ...(machine.firmware === "bios" ? [] : await uefiFlags(variables)),
    ...cardFlags(machine),
  ];
  return ["qemu-system-x86_64", ...flags.flat()];
}

async function uefiFlags(variables: string): Promise<string[][]> {
  await copyFile(ovmfVariables, variables);
  return [
    ["-drive", `if=pflash,format=raw,readonly=on,file=${ovmfCode}`],
    ["-drive", `if=pflash,format=raw,file=${variables}`],
    // OVMF does no PXE without a source of random numbers.
    ["-object", "rng-random,id=r0,filename=/dev/urandom"],
    ["-device", "virtio-rng-pci,rng=r0"],
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
      // An empty ROM leaves the card to the firmware's own driver and its own PXE.
      return [["-device", `${card},romfile=,bootindex=1`]];
    case "uefi-http":
      // HTTP boot comes when PXE has failed by both protocols, two minutes later; so PXE is off.
      return [
        ["-device", `${card},romfile=`],
        ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=no"],
        ["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=no"],
      ];
  }
}
