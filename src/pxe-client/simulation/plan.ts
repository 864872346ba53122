import type { Ip4, Subnet } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { MachineIdentity } from "../wire/dhcp-requests.ts";

/** The firmware that simulated machines speak as. */
export type SimulatedFirmware = "bios" | "uefi" | "uefi-http";

/** The parts of a boot that are timed, in their order. */
export const simulatedStages = [
  "dhcp",
  "boot-server",
  "loader",
  "ipxe-dhcp",
  "script",
  "kernel",
  "initramfs",
  "report",
  "system-dhcp",
] as const;
export type SimulatedStage = (typeof simulatedStages)[number];

/** For machines that take the address of whoever offers one. */
export const anyServer = "any";

/** What all machines of a run have in common. */
export interface SimulationPlan {
  /** The server that is measured. */
  readonly target: Ip4;
  /** What it calls itself in option 54; as a rule its address. */
  readonly bootServer: Ip4;
  /**
   * Who gives out addresses, and `anyServer`: whoever offers one says what to boot as well; null: nobody is asked, and all
   * machines have `ownAddress`.
   */
  readonly addressServer: Ip4 | null;
  /** Where DHCPDISCOVER goes: to everybody, or to the address server only. */
  readonly discoverTo: Ip4;
  /** This host's address on the link. */
  readonly ownAddress: Ip4;
  /** Downloads from elsewhere are refused: servers that nobody pointed at. */
  readonly network: Subnet;
  readonly firmware: SimulatedFirmware;
  /** Whether each machine gets an address of its own on the device; else they share `ownAddress`. */
  readonly ownAddresses: boolean;
}

export interface SimulatedMachine extends MachineIdentity {
  /** From 0. */
  readonly index: number;
  readonly firmware: SimulatedFirmware;
}

/** One stage of one boot; milliseconds since the run began. */
export interface Span {
  readonly stage: SimulatedStage;
  readonly startMs: number;
  readonly endMs: number;
}

/** What became of a machine. */
export interface MachineOutcome {
  readonly index: number;
  /** Null: it booted. Stage `run`: it could not be played to its end. */
  readonly failure: { readonly stage: SimulatedStage | "run"; readonly reason: string } | null;
  readonly spans: readonly Span[];
  /** From each DHCP request to the target's answer. */
  readonly answersMs: readonly number[];
  /** Downloaded, of all files. */
  readonly bytes: number;
  /** Requests and packets that had to be repeated, and downloads that were begun again. */
  readonly repeats: number;
}

/** More machines than any link has. */
export const mostMachines = 10_000;

/**
 * The machines of a run. Their hardware addresses are locally administered and of a range of their own,
 * and the same each time on the same host: a second run takes the leases of the first.
 */
export function simulatedMachines(
  count: number,
  host: number,
  firmware: SimulatedFirmware,
): readonly SimulatedMachine[] {
  return Array.from({ length: count }, (_, index) => {
    const mac = macOf(host, index);
    // Not the UUID of `probe`, whose boots end before the Micro-OS.
    const uuid = `65696d73-0000-4000-8000-${mac.replaceAll(":", "")}`;
    return { index, mac, uuid, firmware };
  });
}

function macOf(host: number, index: number): Mac {
  const bytes = [host & 0xff, (index >> 8) & 0xff, index & 0xff];
  return `02:65:69:${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

/** When each machine is powered on, in milliseconds: evenly over the ramp. */
export function powerOnMs(index: number, count: number, rampSeconds: number): number {
  return (index / count) * rampSeconds * 1000;
}
