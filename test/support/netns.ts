import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { reasonToSkip } from "./tools.ts";

/**
 * Network namespaces for one test: hosts joined by virtual Ethernet cables, apart from the real
 * network. The names are unique to the process; `close` ends what runs inside and removes them all.
 */
export interface Netns {
  /** Makes a host with nothing but loopback; returns the name of its namespace. */
  host(role: string): string;
  /** Lays a cable between two hosts; each end is a device with addresses such as `10.1.0.1/24`. */
  cable(a: CableEnd, b: CableEnd): void;
  /** Runs `ip ARGUMENTS` for the host. */
  ip(host: string, ...parts: string[]): void;
  /** Runs a program on the host. */
  spawn(host: string, command: string, ...parts: string[]): Guest;
  /** Runs a TypeScript file of ours on the host. */
  run(host: string, file: URL, ...parts: string[]): Guest;
  close(): Promise<void>;
}

export interface CableEnd {
  readonly host: string;
  readonly device: string;
  readonly addresses: readonly string[];
}

/** The kernel tells of a carrier up to a second after it is there (its linkwatch), and programs see no address before. */
function awaitRunning({ host, device }: CableEnd): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < 3000; tries++) {
    const text = execFileSync("ip", ["-n", host, "-o", "link", "show", "dev", device]).toString();
    if (text.includes("state UP")) return;
    Atomics.wait(pause, 0, 0, 10);
  }
  throw new Error(`${device} of ${host} has no carrier after half a minute`);
}

/** A program on a host. It tells what happens in lines of JSON on its standard output. */
export interface Guest {
  /** `ip netns exec` becomes the program, so this is the program's. */
  readonly pid: number;
  /** The next line of its output, parsed. Rejects with all output when the program ends before. */
  next(): Promise<unknown>;
  /** Resolves when its output, errors included, contains the text. */
  said(text: string): Promise<void>;
  /** What it has written so far. */
  written(): string;
  /** Writes a line to its standard input. */
  write(line: string): void;
  /** Resolves with all output when the program has ended. */
  ended(): Promise<{ readonly code: number | null; readonly output: string }>;
  signal(signal: NodeJS.Signals): void;
  /** Asks it to end, and waits for it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Why namespaces cannot be used here, or null when they can. */
export function netnsMissing(): string | null {
  const reason = reasonToSkip({ tools: ["ip"], root: true });
  if (reason !== null) return reason;
  const probe = `eim${process.pid}-probe`;
  try {
    ip("netns", "add", probe);
    ip("netns", "del", probe);
    return null;
  } catch (error) {
    return `network namespaces are not permitted here: ${String(error).trim()}`;
  }
}

function ip(...parts: string[]): void {
  execFileSync("ip", parts, { stdio: "pipe" });
}

let count = 0;

export function createNetns(): Netns {
  const run = count++;
  const hosts: string[] = [];
  const guests: Guest[] = [];
  const keep = (guest: Guest): Guest => {
    guests.push(guest);
    return guest;
  };
  return {
    host(role) {
      const name = `eim${process.pid}-${run}-${role}`;
      ip("netns", "add", name);
      hosts.push(name);
      ip("-n", name, "link", "set", "lo", "up");
      return name;
    },
    cable(a, b) {
      const peer = ["peer", "name", b.device, "netns", b.host];
      ip("-n", a.host, "link", "add", a.device, "type", "veth", ...peer);
      for (const end of [a, b]) {
        for (const address of end.addresses) {
          ip("-n", end.host, "addr", "add", address, "brd", "+", "dev", end.device);
        }
        ip("-n", end.host, "link", "set", end.device, "up");
      }
      for (const end of [a, b]) awaitRunning(end);
    },
    ip: (host, ...parts) => ip("-n", host, ...parts),
    spawn: (host, command, ...parts) => {
      const child = spawn("ip", ["netns", "exec", host, command, ...parts]);
      return keep(guestOf(child, `${command} on ${host}`));
    },
    run(host, file, ...parts) {
      const node = [process.execPath, "--import", "tsx", file.pathname, ...parts];
      return keep(guestOf(spawn("ip", ["netns", "exec", host, ...node]), file.pathname));
    },
    async close() {
      await Promise.all(guests.map((guest) => guest.stop("SIGKILL")));
      for (const host of hosts) ip("netns", "del", host);
    },
  };
}

function guestOf(child: ChildProcess, name: string): Guest {
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  const lines: unknown[] = [];
  let output = "";
  let ended = false;
  let parsing = true;
  const listeners = new Set<() => void>();
  const hear = (text: string): void => {
    output += text;
    for (const listener of listeners) listener();
  };
  child.stderr?.on("data", (text) => hear(String(text)));
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      hear(`${line}\n`);
      parsing = parsing && line.startsWith("{");
      if (!parsing) return;
      const parsed: unknown = JSON.parse(line);
      const next = waiting.shift();
      if (next === undefined) lines.push(parsed);
      else next.resolve(parsed);
    });
  }
  const end = new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      output += String(error);
      resolve(null);
    });
    child.on("close", (code) => resolve(code));
  }).then((code) => {
    ended = true;
    for (const { reject } of waiting) reject(new Error(`${name} ended (${code}): ${output}`));
    return code;
  });
  return {
    pid: child.pid ?? 0,
    next() {
      const line = lines.shift();
      if (line !== undefined) return Promise.resolve(line);
      if (ended) return Promise.reject(new Error(`${name} has ended: ${output}`));
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    async said(text) {
      if (output.includes(text)) return;
      const heard = new Promise<void>((resolve) => {
        const listener = (): void => {
          if (!output.includes(text)) return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
      });
      await Promise.race([heard, end]);
      if (!output.includes(text)) throw new Error(`${name} never said "${text}": ${output}`);
    },
    written: () => output,
    write: (line) => void child.stdin?.write(`${line}\n`),
    ended: async () => ({ code: await end, output }),
    signal: (signal) => void child.kill(signal),
    async stop(signal = "SIGTERM") {
      if (!ended) child.kill(signal);
      await end;
    },
  };
}

/** The next of these events; what else a guest tells before it is passed over. */
export async function nextEvent(
  guest: Guest,
  ...events: readonly string[]
): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const told: Readonly<Record<string, unknown>> = Object(await guest.next());
    const { event } = told;
    if (typeof event === "string" && events.includes(event)) return told;
  }
}
