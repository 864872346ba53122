import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Ip4 } from "../../lib/ip4.ts";

/* What /proc and /sys say of processes and interfaces of this host (Linux). Null where they say nothing. */

/** `sysconf(_SC_CLK_TCK)` is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Processor seconds that a process and its threads used so far. */
export function cpuSecondsOf(pid: number): number | null {
  const text = read(`/proc/${pid}/stat`);
  // proc(5): the second field, in brackets, may contain blanks; `utime` and `stime` are the 14th and 15th.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isNaN(ticks) ? null : ticks / ticksPerSecond;
}

/** The most memory that a process has had. */
export function peakMemoryOf(pid: number): number | null {
  const kib = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/** Bytes that an interface received so far. */
export function receivedBytesOf(device: string): number | null {
  const text = read(`/sys/class/net/${device}/statistics/rx_bytes`)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Bits a second; null for virtual interfaces, which have no such limit. */
export function linkSpeedOf(device: string): number | null {
  const text = read(`/sys/class/net/${device}/speed`)?.trim() ?? "";
  const isReal = read(`/sys/class/net/${device}/device/uevent`) !== null;
  return isReal && /^[1-9]\d*$/.test(text) ? Number(text) * 1e6 : null;
}

/** The process of this host and this network namespace that serves TFTP or DHCP at an address. */
export function serverProcess(address: Ip4): number | null {
  const inodes = new Set(
    [67, 69].flatMap((port) => {
      const [a = "", b = "", c = "", d = ""] = address
        .split(".")
        .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"));
      const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
      const places = [`${d}${c}${b}${a}:${hexPort}`, `00000000:${hexPort}`];
      const lines = (read("/proc/net/udp") ?? "")
        .split("\n")
        .map((line) => line.trim().split(/\s+/));
      return lines.flatMap((words) => (places.includes(words[1] ?? "") ? [words[9] ?? ""] : []));
    }),
  );
  if (inodes.size === 0) return null;
  for (const name of list("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    for (const descriptor of list(`/proc/${name}/fd`)) {
      const link = orNull(() => readlinkSync(`/proc/${name}/fd/${descriptor}`)) ?? "";
      if (inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? "")) return Number(name);
    }
  }
  return null;
}

function read(path: string): string | null {
  return orNull(() => readFileSync(path, "utf8"));
}

function list(path: string): readonly string[] {
  return orNull(() => readdirSync(path)) ?? [];
}

function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
