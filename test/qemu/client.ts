import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { markers } from "./micro-os.ts";
import type { Segment } from "./network.ts";
import { LabError, exitOf, stopChild } from "./process.ts";
import { firmwareFacts, qemuCommand } from "./qemu-command.ts";
import type { Accelerator, Machine } from "./qemu-command.ts";

export interface BootOptions {
  /** Where the machine is plugged in. */
  readonly network: Segment;
  /** The serial console's log and the firmware's variables go here. */
  readonly folder: string;
  readonly accelerator: Accelerator;
  /** Each line of the serial console, without escape sequences. */
  readonly onConsoleLine?: ((line: string) => void) | undefined;
  /** The console as it is, on this process's own terminal, keyboard included. */
  readonly raw?: boolean | undefined;
  /** Further arguments for QEMU. */
  readonly flags?: readonly string[] | undefined;
  /** How long it may take; default: ten times as long as a boot of this firmware usually takes, for a busy machine. */
  readonly limitSeconds?: number | undefined;
  /** Whether the server asks its machines for a beacon (`beaconArgument`); default: it does. */
  readonly beacon?: boolean | undefined;
  /** Powers the machine off before its time. */
  readonly signal?: AbortSignal | undefined;
}

export interface BootResult {
  /** What the machine ran on in the end. */
  readonly accelerator: Accelerator;
  /** The Micro-OS's own line on the serial console. */
  readonly marker: string;
  /** The kernel's arguments as the kernel got them. */
  readonly commandLine: string;
  /** The address that the Micro-OS took by DHCP. */
  readonly address: string;
  /** Power-on to the marker. */
  readonly seconds: number;
  /** `performance.now()` at power-on. */
  readonly poweredOnAt: number;
  readonly serialLog: string;
}

/** What firmware says when it has nothing left to try; waiting longer would be in vain. */
const givenUp = /No bootable device|No bootable option or device was found|UEFI Interactive Shell/;

/**
 * Powers a machine on and waits until its Micro-OS has reported and powered it off.
 * Fails with a `LabError` that names the serial log when that takes longer than ten times as usual,
 * or when the machine resets, stops or gives up before.
 */
export async function bootMachine(machine: Machine, options: BootOptions): Promise<BootResult> {
  const tap = await options.network.addTap();
  if (options.accelerator === "tcg") return powerOn(machine, tap, options);
  try {
    return await powerOn(machine, tap, options);
  } catch (cause) {
    if (!(cause instanceof KvmError)) throw cause;
    options.onConsoleLine?.("(KVM cannot run this firmware on this host: emulating instead)");
    return powerOn(machine, tap, { ...options, accelerator: "tcg" });
  }
}

/** KVM is there, but does not do all that the firmware needs (seen where KVM is nested). */
class KvmError extends LabError {}

const kvmFailed = "KVM failed";

/** What the serial console has told so far. */
interface Progress {
  marker: string;
  seconds: number;
  address: string;
  beacon: boolean;
  failure: string;
}

async function powerOn(machine: Machine, tap: string, options: BootOptions): Promise<BootResult> {
  const { folder, accelerator } = options;
  const file = join(folder, `${machine.firmware}-${machine.serial}-${accelerator}`);
  const serialLog = `${file}.serial.log`;
  const variables = `${file}.vars.fd`;
  const [program, ...args] = options.network.inside(
    ...(await qemuCommand(machine, { tap, accelerator, variables })),
    ...(options.flags ?? []),
  );

  const progress: Progress = { marker: "", seconds: 0, address: "", beacon: false, failure: "" };
  const complaints: string[] = [];
  let stoppedBecause = "";

  const poweredOnAt = performance.now();
  const secondsNow = () => (performance.now() - poweredOnAt) / 1000;
  const qemu = spawn(program, args, {
    stdio: [options.raw === true ? "inherit" : "ignore", "pipe", "pipe"],
  });
  const stop = (why: string) => {
    stoppedBecause ||= why;
    void stopChild(qemu);
  };
  qemu.stdout.pipe(createWriteStream(serialLog));
  if (options.raw === true) qemu.stdout.pipe(process.stdout, { end: false });
  createInterface({ input: qemu.stdout }).on("line", (raw) => {
    const line = withoutEscapes(raw);
    options.onConsoleLine?.(line);
    follow(progress, line, secondsNow());
    if (givenUp.test(line)) stop("the firmware found nothing more to try");
  });
  createInterface({ input: qemu.stderr }).on("line", (line) => {
    complaints.push(line);
    if (line.includes("KVM internal error")) stop(kvmFailed);
  });

  // KVM that is not even as fast as emulation is of no use: it was seen to hang, and to crawl.
  const { usualSeconds } = firmwareFacts[machine.firmware];
  const limitSeconds =
    options.limitSeconds ?? (accelerator === "kvm" ? usualSeconds : usualSeconds * 10);
  const timer = setTimeout(() => {
    const why = `${limitSeconds} s were over, far more than it usually takes`;
    stop(accelerator === "kvm" ? kvmFailed : why);
  }, limitSeconds * 1000);
  const onAbort = () => stop("it was interrupted");
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await exitOf(qemu);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }

  const end =
    stoppedBecause === ""
      ? `the machine stopped by itself after ${secondsNow().toFixed(1)} s`
      : `stopped, because ${stoppedBecause}`;
  const failure = failureOf(progress, end, options.beacon ?? true);
  if (failure !== null) {
    const { title } = firmwareFacts[machine.firmware];
    const message = `${title}, ${machine.mac}: ${failure}; see ${serialLog}`;
    if (stoppedBecause === kvmFailed) throw new KvmError(message);
    throw new LabError([message, ...complaints.slice(0, 10)].join("\n"));
  }
  const { marker, seconds, address } = progress;
  const commandLine = afterMarker(marker, markers.up);
  return { accelerator, marker, commandLine, address, seconds, poweredOnAt, serialLog };
}

function follow(progress: Progress, line: string, seconds: number): void {
  if (line.startsWith(markers.up)) {
    progress.marker = line.trimEnd();
    progress.seconds = seconds;
  } else if (line.startsWith(markers.address)) {
    progress.address = afterMarker(line, markers.address);
  } else if (line.startsWith(markers.beaconSent)) {
    progress.beacon = true;
  } else if (line.startsWith(markers.failed)) {
    progress.failure = afterMarker(line, markers.failed);
  }
}

function failureOf(progress: Progress, end: string, beacon: boolean): string | null {
  if (progress.marker === "") return `the Micro-OS never came up; ${end}`;
  if (progress.failure !== "") return `the Micro-OS came up, then: ${progress.failure}`;
  return progress.beacon || !beacon ? null : `the Micro-OS came up but sent no beacon; ${end}`;
}

function afterMarker(line: string, marker: string): string {
  return line.slice(marker.length).trim();
}

const ESC = String.fromCharCode(0x1b);
const NUL = String.fromCharCode(0);
const escapes = new RegExp(`${ESC}(\\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[A-Za-z=>])|\\r|${NUL}`, "g");

/** Firmware moves the cursor and paints; for a line-by-line reader only the text is of use. */
export function withoutEscapes(line: string): string {
  return line.replaceAll(escapes, "");
}
