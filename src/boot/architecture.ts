/**
 * The processor architecture types that a client announces in DHCP option 93, and the loader that
 * each one gets. Source: IANA "Processor Architecture Types" (RFC 5970, RFC 4578 2.1 with 7 and 9
 * as the firmware in the field uses them); 41 is the Raspberry Pi's own boot ROM.
 */

export interface Architecture {
  /** The number in option 93. */
  readonly code: number;
  readonly name: string;
  /** How firmware of this kind fetches its loader. */
  readonly transport: "tftp" | "http";
  /** The loader that is handed out unless the configuration names another; null: none fits. */
  readonly loader: string | null;
}

/** The Raspberry Pi's network boot ROM: known by its hardware address, it announces 0. */
export const RASPBERRY_PI = 41;

function tftp(code: number, name: string, loader: string | null): Architecture {
  return { code, name, transport: "tftp", loader };
}

function http(code: number, name: string, loader: string | null): Architecture {
  return { code, name, transport: "http", loader };
}

export const architectures: readonly Architecture[] = [
  tftp(0, "x86 BIOS", "undionly.kpxe"),
  tftp(1, "NEC PC98", "undionly.kpxe"),
  tftp(2, "Itanium UEFI", "undionly.kpxe"),
  tftp(3, "DEC Alpha", "undionly.kpxe"),
  tftp(4, "Arc x86", "undionly.kpxe"),
  tftp(5, "Intel Lean Client", "undionly.kpxe"),
  tftp(6, "IA32 UEFI", "ipxe.efi"),
  tftp(7, "x86-64 UEFI", "ipxe.efi"),
  tftp(8, "XScale UEFI", "ipxe.efi"),
  // RFC 4578 swapped 7 and 9; firmware that says 9 is x86-64.
  tftp(9, "x86-64 UEFI (EBC)", "ipxe.efi"),
  tftp(10, "ARM32 UEFI", "snp-arm64.efi"),
  tftp(11, "ARM64 UEFI", "snp-arm64.efi"),
  tftp(12, "PowerPC Open Firmware", null),
  tftp(13, "PowerPC ePAPR", null),
  tftp(14, "POWER OPAL", null),
  http(15, "IA32 UEFI HTTP", "ipxe.efi"),
  http(16, "x86-64 UEFI HTTP", "ipxe.efi"),
  http(17, "EBC UEFI HTTP", null),
  http(18, "ARM32 UEFI HTTP", "snp-arm64.efi"),
  http(19, "ARM64 UEFI HTTP", "snp-arm64.efi"),
  http(20, "x86 BIOS HTTP", "undionly.kpxe"),
  tftp(21, "ARM32 U-Boot", null),
  tftp(22, "ARM64 U-Boot", null),
  http(23, "ARM32 U-Boot HTTP", null),
  http(24, "ARM64 U-Boot HTTP", null),
  tftp(25, "RISC-V 32 UEFI", null),
  http(26, "RISC-V 32 UEFI HTTP", null),
  tftp(27, "RISC-V 64 UEFI", null),
  http(28, "RISC-V 64 UEFI HTTP", null),
  tftp(29, "RISC-V 128 UEFI", null),
  http(30, "RISC-V 128 UEFI HTTP", null),
  tftp(31, "s390", null),
  tftp(32, "s390 extended", null),
  tftp(33, "MIPS32 UEFI", null),
  tftp(34, "MIPS64 UEFI", null),
  tftp(35, "SunWay 32 UEFI", null),
  tftp(36, "SunWay 64 UEFI", null),
  tftp(37, "LoongArch32 UEFI", null),
  http(38, "LoongArch32 UEFI HTTP", null),
  tftp(39, "LoongArch64 UEFI", null),
  http(40, "LoongArch64 UEFI HTTP", null),
  tftp(RASPBERRY_PI, "Raspberry Pi", "snp-arm64.efi"),
];

const byCode: ReadonlyMap<number, Architecture> = new Map(
  architectures.map((architecture) => [architecture.code, architecture]),
);

/** The row of an option-93 number, or null when the number is not assigned. */
export function architectureOf(code: number): Architecture | null {
  return byCode.get(code) ?? null;
}

/**
 * A shim loads one further program, whose name is built into it and is GRUB's; it asks for it in the
 * folder that it came from. Where there is no such file, the loader of that processor is meant.
 */
const secondStages: ReadonlyMap<string, number> = new Map([
  ["grubx64.efi", 7],
  ["grubaa64.efi", 11],
]);

/** Whether a loader is a shim: the first stage that a maker of firmware has signed, which starts one signed by a site. */
export function isShim(name: string): boolean {
  return /shim/i.test(name);
}

/** What a shim may be given when it asks for its second stage: the first that exists. */
export function secondStagesOf(shim: string): readonly string[] {
  return loaderNames(/aa64|arm64/i.test(shim) ? "grubaa64.efi" : "grubx64.efi");
}

/** The files that a machine may be sent, by whatever protocol, that asks for a loader by this name: the first that exists. */
export function loaderNames(name: string): readonly string[] {
  const code = secondStages.get(name);
  const inItsPlace = code === undefined ? null : (architectureOf(code)?.loader ?? null);
  return inItsPlace === null ? [name] : [name, inItsPlace];
}

/** The name of an option-93 number for people: `x86-64 UEFI`, or `type 99` when it is not assigned. */
export function architectureName(code: number | null): string {
  if (code === null) return "none announced";
  return byCode.get(code)?.name ?? `type ${code}`;
}
