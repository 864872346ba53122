import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withoutEscapes } from "./client.ts";
import { LabError, run, startService } from "./process.ts";
import { machineTools, uefiFlags } from "./qemu-command.ts";

/** What `runInShell` needs on this machine. */
export const shellTools = [...machineTools, "mformat", "mcopy"] as const;

/** What the machine was left with. */
export interface ShellResult {
  /** What the console showed after the network was up, line by line. */
  readonly lines: readonly string[];
  /** A copy of this file of the machine's disk, in `folder` and under the same name. */
  readonly copyOf: (name: string) => Promise<string>;
}

/** Sectors of 512 bytes: half a GiB, of which the file on this host holds only what is written. */
const DISK_SECTORS = 1024 * 1024;
const ready = "network is up";
/** Now and then the Shell ends before it reads its script, and the firmware has nothing else to start. */
const SHELL_STARTS = 4;

/**
 * Starts the UEFI Shell that is built into OVMF, on a machine with an empty disk and QEMU's user
 * network, where 10.0.2.2 is this host's loopback. It runs the commands, in the disk's folder, and
 * powers off. Fails with a `LabError` where that takes longer than `limitMs`.
 */
export async function runInShell(options: {
  readonly commands: readonly string[];
  /** For the disk, the console's log and the firmware's variables. */
  readonly folder: string;
  readonly limitMs: number;
}): Promise<ShellResult> {
  const { commands, folder, limitMs } = options;
  const disk = join(folder, "disk.img");
  const script = join(folder, "startup.nsh");
  await writeFile(script, scriptOf(commands));
  await run(["mformat", "-i", disk, "-C", "-F", "-T", String(DISK_SECTORS), "::"]);
  await truncate(disk, DISK_SECTORS * 512);
  await run(["mcopy", "-i", disk, script, "::"]);
  for (let start = 1; ; start++) {
    const lines = await runMachine({ folder, disk, limitMs });
    if (lines === null && start < SHELL_STARTS) continue;
    if (lines === null) throw new LabError(`the Shell ended at once ${start} times`);
    return {
      lines,
      copyOf: async (name) => {
        const copy = join(folder, name);
        await run(["mcopy", "-n", "-i", disk, `::${name}`, copy]);
        return copy;
      },
    };
  }
}

/** What the console showed after the network was up; null where the Shell ended before. */
async function runMachine(options: {
  readonly folder: string;
  readonly disk: string;
  readonly limitMs: number;
}): Promise<string[] | null> {
  const { folder, disk, limitMs } = options;
  const flags = [
    ["-accel", "tcg", "-cpu", "max", "-m", "1024"],
    ["-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"],
    ...(await uefiFlags("x86_64", join(folder, "vars.fd"))),
    ["-drive", `if=none,id=d0,format=raw,file=${disk}`],
    // The only thing to boot from, and nothing on it is bootable: what is left is the Shell.
    ["-device", "virtio-blk-pci,drive=d0,bootindex=1"],
    ["-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile="],
  ];
  const machine = startService({
    name: "QEMU",
    command: ["qemu-system-x86_64", ...flags.flat()],
    logFile: join(folder, "serial.log"),
  });
  const lines: string[] = [];
  machine.onLine((line) => lines.push(withoutEscapes(line).trimEnd()));
  try {
    const end = (line: string) =>
      line.includes("Reset with") || line.includes("No bootable option") ? line : null;
    const last = await machine.waitForLine("end of the script", end, limitMs);
    const up = lines.indexOf(ready);
    if (!last.includes("Reset with")) {
      if (up === -1) return null;
      throw new LabError(`the Shell ended amid its script; see ${machine.logFile}`);
    }
    const code = await machine.exited;
    if (code !== 0) throw new LabError(`QEMU ended with exit code ${code}; see ${machine.logFile}`);
    return lines.slice(up + 1);
  } finally {
    await machine.stop();
  }
}

function scriptOf(commands: readonly string[]): string {
  const lines = [
    "@echo -off",
    // The firmware gave drivers only to what it meant to boot from.
    "connect -r",
    "ifconfig -s eth0 static 10.0.2.15 255.255.255.0 10.0.2.2",
    "fs0:",
    `echo "${ready}"`,
    ...commands,
    "reset -s",
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}
