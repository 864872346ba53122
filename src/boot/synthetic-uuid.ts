import type { Mac } from "../lib/mac.ts";

/** An SMBIOS UUID that belongs to no machine, the same each time for the same hardware address: `probe` announces it. */
export function syntheticUuid(mac: Mac): string {
  return `00000000-0000-4000-8000-${mac.replaceAll(":", "")}`;
}

/** Whether what boots is `probe`, which plays this machine and ends before the Micro-OS. */
export function isProbe(machine: {
  readonly mac: Mac | null;
  readonly uuid: string | null;
}): boolean {
  return machine.mac !== null && machine.uuid === syntheticUuid(machine.mac);
}
