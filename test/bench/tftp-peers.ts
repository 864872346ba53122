import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { openDgram } from "../../src/net/dgram.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import { encodePacket } from "../../src/tftp/wire/packet.ts";

/* TFTP servers to measure beside ours, each in a process of its own. They need root, to leave their own user alone. */

/** `atftpd` conflicts with Debian's other TFTP servers: unpack it with `dpkg -x` and name it here. */
const atftpdPath = process.env["ATFTPD"] ?? "/usr/sbin/atftpd";

const tickSeconds = 1 / 100;

export interface RunningServer {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: UdpEndpoint;
  /** What it says of itself at its end; null: nothing. */
  stop(): Promise<string | null>;
}

export interface ServerKind {
  readonly name: string;
  /** Grants `windowsize`; the others answer as if it had not been asked for. */
  readonly windows: boolean;
  readonly there: boolean;
  /** Serves the files of a folder; `core` is the processor core that it may use, null any. */
  start(folder: string, core: number | null): Promise<RunningServer>;
}

export const ours = guest("eim-pxe", "tftp-server.ts", true);
export const oursWithoutKoffi = guest("eim-pxe without koffi", "tftp-server.ts", true, ["dgram"]);
/** What Node takes for a block, whatever runs in it. */
export const bareSender = guest("Node alone", "bare-sender.ts", false);

export const dnsmasq = peer({
  name: "dnsmasq",
  windows: false,
  path: "/usr/sbin/dnsmasq",
  address: "127.69.0.1",
  // It always listens on port 69.
  port: 69,
  args: (folder, { address }) => [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--pid-file=",
    "--user=root",
    "--port=0",
    "--bind-interfaces",
    `--listen-address=${address}`,
    "--enable-tftp",
    `--tftp-root=${folder}`,
    "--tftp-max=2000",
    "--log-facility=/dev/null",
  ],
});

export const tftpdHpa = peer({
  name: "tftpd-hpa",
  windows: false,
  path: "/usr/sbin/in.tftpd",
  address: "127.69.0.2",
  args: (folder, { address, port }) =>
    `--foreground --listen --address ${address}:${port} --user root --secure ${folder}`.split(" "),
});

export const atftpd = peer({
  name: "atftpd",
  windows: true,
  path: atftpdPath,
  address: "127.69.0.3",
  args: (folder, { address, port }) =>
    `--daemon --no-fork --bind-address ${address} --port ${port} --maxthread 2000 --user root.root --verbose=0 ${folder}`.split(
      " ",
    ),
});

export const serverKinds = [ours, oursWithoutKoffi, dnsmasq, tftpdHpa, atftpd] as const;

/** A program of ours, which prints the port that it took. */
function guest(
  name: string,
  file: string,
  windows: boolean,
  more: readonly string[] = [],
): ServerKind {
  return {
    name,
    windows,
    there: true,
    async start(folder, core) {
      const program = ["--import", "tsx", `test/bench/guests/${file}`, folder, ...more];
      const child = pinned(core, process.execPath, program);
      const input = child.stdout ?? process.stdin;
      const lines = createInterface({ input })[Symbol.asyncIterator]();
      const nextLine = async () => {
        const { value, done } = await lines.next();
        return done === true ? null : value;
      };
      const port = Number(await nextLine());
      return running(name, child, { address: "127.0.0.1", port }, nextLine);
    },
  };
}

function peer(own: {
  readonly name: string;
  readonly windows: boolean;
  readonly path: string;
  readonly address: string;
  readonly port?: number;
  readonly args: (folder: string, at: UdpEndpoint) => readonly string[];
}): ServerKind {
  const { name, windows, path, address, args } = own;
  return {
    name,
    windows,
    there: existsSync(path) && process.getuid?.() === 0,
    async start(folder, core) {
      const at = { address, port: own.port ?? (await freePort(address)) };
      const server = running(name, pinned(core, path, args(folder, at)), at);
      await answers(at);
      return server;
    },
  };
}

async function freePort(address: string): Promise<number> {
  const socket = await openDgram({ address, port: 0 });
  await socket.close();
  return socket.local.port;
}

function pinned(core: number | null, command: string, args: readonly string[]): ChildProcess {
  const whole =
    core === null ? [command, ...args] : ["taskset", "-c", String(core), command, ...args];
  const [first = "", ...rest] = whole;
  return spawn(first, rest, { stdio: ["ignore", "pipe", "inherit"] });
}

function running(
  name: string,
  child: ChildProcess,
  endpoint: UdpEndpoint,
  report: () => Promise<string | null> = () => Promise.resolve(null),
): RunningServer {
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  return {
    name,
    pid: child.pid ?? 0,
    endpoint,
    async stop() {
      child.kill("SIGTERM");
      const said = await report();
      await ended;
      return said;
    },
  };
}

/** Resolves when the server answers a request for a file that does not exist. */
async function answers(at: UdpEndpoint): Promise<void> {
  const socket = await openDgram({ address: "127.0.0.1", port: 0 });
  const options = new Map<string, string>();
  const request = encodePacket({ opcode: "rrq", filename: "absent", mode: "octet", options });
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => socket.send(request, at), 50);
    socket.onMessage(() => {
      clearInterval(timer);
      resolve();
    });
  });
  await socket.close();
}

/** Processor seconds that a process and its ended children have used. */
export function cpuSeconds(pid: number): number {
  const fields = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1] ?? "").split(" ");
  // proc(5): utime, stime, cutime, cstime are fields 14 to 17; the split began at field 3.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * tickSeconds;
}

/** The most memory that a process has had, in MiB. */
export function peakMebibytes(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kib ?? "0") / 1024);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...body.map(line), ""].join("\n");
}
