import { randomUUID } from "node:crypto";
import { explainStall } from "../timeline/rules.ts";
import type { Boot } from "../timeline/boot.ts";
import type { BootSessions } from "../timeline/boots.ts";
import { isStage } from "../timeline/stages.ts";
import type { Firmware, MachineIdentity } from "../pxe-client/wire/dhcp-requests.ts";
import { bootMachine } from "../pxe-client/simulated-machine.ts";
import { systemClock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { openDgram } from "../net/dgram.ts";
import type { PxeEvent } from "../events/types.ts";
import { createTerminalLog } from "../observe/log.ts";
import { type DemoSite, startDemoSite } from "./demo-site.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { LiveLines, machineLines } from "./shared/machine-lines.ts";
import { sizeInWords } from "./shared/progress.ts";
import { firstSignal } from "./shared/signals.ts";
import { tableLines } from "./shared/table.ts";

export interface DemoOptions {
  /** End after the boots; otherwise the servers stay up for a look. */
  readonly once: boolean;
  readonly nodes: number;
  /** Each stage in a line of its own, on a terminal too. */
  readonly verbose: boolean;
}

const firmwares: readonly Firmware[] = ["uefi", "bios", "uefi-http", "ipxe"];

/** `eim-pxe demo`: a whole site on loopback with simulated machines, and their timelines as they happen. */
export async function demo(program: Program, options: DemoOptions): Promise<number> {
  const print = (line: string) => program.out.write(`${line}\n`);
  // The timelines show what happens; the log is for what goes wrong.
  const log = await createTerminalLog({ level: "error", out: program.err });
  // From here on there is a folder to be removed.
  const interrupted = firstSignal(program, ["SIGINT", "SIGTERM"]).then(() => null);
  const site = await startDemoSite(log, {
    preemptions: () => program.preemptions(),
    availableMemory: () => program.availableMemory(),
  });
  try {
    await site.services.mirror?.sync();
    print(`The mirror fetched a generation from ${site.orchestratorUrl}.`);
    print("eim-pxe is the only DHCP server of this network (mode full).");
    print(`Watch in a browser: ${site.services.adminUrl}/`);
    print(`Powering on ${options.nodes} machine${options.nodes === 1 ? "" : "s"}:\n`);
    const machines = Array.from({ length: options.nodes }, (_, index) => machine(index));
    const show =
      program.outIsTerminal && !options.verbose
        ? growingLines(program, machines, site)
        : stageLines(machines, print);
    const unsubscribe = site.services.events.subscribe((event) => show(event));
    const boots = Promise.all(machines.map((one) => failureOf(one, site)));
    const failures = await Promise.race([boots, interrupted]);
    unsubscribe();
    if (failures === null) return ExitCode.notBooted;

    print(`\n${summary(machines, failures, site)}`);
    const booted = failures.every((failure) => failure === null);
    print(
      booted
        ? "\nEvery machine is in its Micro-OS."
        : "\nNot every machine came up; the table says where it stopped and why.",
    );
    if (!options.once) {
      printAddresses(site, print);
      await interrupted;
    }
    return booted ? ExitCode.ok : ExitCode.notBooted;
  } finally {
    await site.close();
  }
}

function machine(index: number): MachineIdentity {
  const number = index + 1;
  const tail = [number >> 8, number & 0xff].map((byte) => byte.toString(16).padStart(2, "0"));
  return {
    mac: `02:00:00:77:${tail.join(":")}`,
    uuid: randomUUID(),
    firmware: firmwares[index % firmwares.length] ?? "uefi",
  };
}

/** Boots one machine; null when it came up, else why it did not. */
async function failureOf(one: MachineIdentity, site: DemoSite): Promise<string | null> {
  try {
    await bootMachine(one, { dhcp: site.dhcp, tftpPort: site.tftpPort, openUdp: openDgram });
  } catch (error) {
    return messageOf(error);
  }
  const stage = site.services.sessions.latest({ mac: one.mac, address: null })?.stage;
  return stage === "micro-os" ? null : `the server saw it only up to ${stage ?? "nothing"}`;
}

/** One line for each machine that grows as the machine gets on. */
function growingLines(
  program: Program,
  machines: readonly MachineIdentity[],
  { services }: DemoSite,
): (event: PxeEvent) => void {
  const live = new LiveLines(program.out);
  const draw = () => {
    const shown = machines.map(({ mac, firmware }, index) => {
      const boot = services.sessions.latest({ mac, address: null });
      const seconds = boot === null ? null : (boot.updatedAtMs - boot.startedAtMs) / 1000;
      const stage = boot?.stage ?? null;
      return { name: `node ${index + 1}`, firmware, stage, seconds, failure: null };
    });
    live.draw(machineLines(shown, { columns: program.columns(), colours: true }));
  };
  draw();
  return ({ event }) => {
    if (isStage(event)) draw();
  };
}

/** A line for each stage of each machine, for a pipe and for who wants to see all. */
function stageLines(
  machines: readonly MachineIdentity[],
  print: (line: string) => void,
): (event: PxeEvent) => void {
  const startMs = systemClock.now();
  const names = new Map(machines.map(({ mac }, index) => [mac, `node ${index + 1}`]));
  const up = new Set<string>();
  return (event) => {
    if (!isStage(event.event) || !("mac" in event)) return;
    const name = names.get(event.mac ?? "") ?? event.address ?? "?";
    // It is heard by its DHCP request, and then it reports itself.
    if (event.event === "micro-os" && up.has(name)) return;
    if (event.event === "micro-os") up.add(name);
    const seconds = ((systemClock.now() - startMs) / 1000).toFixed(3).padStart(7);
    print(`${seconds} s  ${name.padEnd(8)}  ${event.event.padEnd(15)}  ${remark(event)}`.trimEnd());
  };
}

/** What a person wants to know of a stage besides its name. */
function remark(event: PxeEvent): string {
  switch (event.event) {
    case "discover":
    case "ipxe-discover":
      return `${event.architecture}, ${event.firmware}`;
    case "offer":
    case "ipxe-offer":
      return `${event.address ?? "no address"}, boot ${event.boots}`;
    case "loader-start":
      return `${event.file} by ${event.protocol.toUpperCase()}, ${sizeInWords(event.bytes)}`;
    case "loader-done":
      return `${event.durationMs.toFixed(0)} ms`;
    case "script":
      return `generation ${event.generation ?? "none"}`;
    case "kernel":
    case "initramfs-start":
      return `${event.file}, ${sizeInWords(event.bytes)}`;
    case "initramfs-done":
      return `${event.durationMs.toFixed(0)} ms`;
    case "micro-os":
      return event.evidence === "dhcp"
        ? "its own DHCP request was heard"
        : "it reported by a beacon";
    default:
      return "";
  }
}

function summary(
  machines: readonly MachineIdentity[],
  failures: readonly (string | null)[],
  { services }: DemoSite,
): string {
  const header = ["machine", "firmware", "address", "stage", "time", ""];
  const rows = machines.map((one, index) => {
    const boot = services.sessions.latest({ mac: one.mac, address: null });
    const seconds = boot === null ? "" : `${secondsOf(boot)} s`;
    const failure = failures[index] ?? null;
    const why = failure ?? (boot === null ? "" : explained(services.sessions, boot));
    return [one.mac, one.firmware, boot?.address ?? "", boot?.stage ?? "none", seconds, why];
  });
  return tableLines([header, ...rows]).join("\n");
}

function explained(sessions: BootSessions, boot: Boot): string {
  const nowMs = systemClock.now();
  return explainStall(sessions.evidence(boot, nowMs), nowMs) ?? "";
}

function secondsOf(boot: Boot): string {
  return ((boot.updatedAtMs - boot.startedAtMs) / 1000).toFixed(2);
}

function printAddresses({ services: { adminUrl } }: DemoSite, print: (line: string) => void): void {
  print(`\nStill running for a look; Ctrl-C ends it:`);
  print(`  dashboard  ${adminUrl}/`);
  print(`  timelines  ${adminUrl}/api/v1/boots`);
  print(`  readiness  ${adminUrl}/readyz`);
  print(`  metrics    ${adminUrl}/metrics`);
}
