import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { LabError, run } from "./process.ts";
import type { Command } from "./process.ts";

/** A bridge that machines are plugged into. */
export interface Segment {
  /** A command that runs in the bridge's namespace. */
  readonly inside: (...command: Command) => Command;
  /** A new port of the bridge for one machine; gives the tap's name. */
  readonly addTap: () => Promise<string>;
}

/**
 * The wire of one lab run: a network namespace with a bridge, a tap for each machine, and, in a
 * second namespace joined by veth, the site's own address server. Nothing leaves these namespaces.
 * Further links and a relay are added by `segments.ts`.
 */
export interface LabNetwork extends Segment {
  /** The namespace of the server under test, the orchestrator double and the machines. */
  readonly namespace: string;
  /** The namespace of the site's own address server, with `eth0` on the bridge. */
  readonly siteNamespace: string;
  /** A third namespace, empty at first: for a relay, or for hosts that are no machines of ours. */
  readonly farNamespace: string;
  /** The bridge's hardware address: every frame of the server under test comes from it. */
  readonly serverMac: string;
  /** A command that runs in the site's namespace. */
  readonly insideSite: (...command: Command) => Command;
  /** The same in the third namespace. */
  readonly insideFar: (...command: Command) => Command;
  /** Ends every process inside and removes everything. */
  readonly close: () => Promise<void>;
}

/** A network link by its numbers: the same in every run, since each run has namespaces of its own. */
export interface Wire {
  readonly bridge: string;
  readonly netmask: string;
  /** The server under test, or the relay where a relay serves the link. */
  readonly serverAddress: string;
  /** The site's own DHCP server, in proxy mode. */
  readonly siteAddress: string;
  readonly firstAddress: string;
  readonly lastAddress: string;
}

export const wire = wireOf("br0", "192.168.77");

/** The link `network`.0/24, e.g. `192.168.78`. */
export function wireOf(bridge: string, network: string): Wire {
  return {
    bridge,
    netmask: "255.255.255.0",
    serverAddress: `${network}.1`,
    siteAddress: `${network}.2`,
    firstAddress: `${network}.100`,
    lastAddress: `${network}.199`,
  };
}

const prefix = "eim-pxe-lab-";

export async function createNetwork(name: string): Promise<LabNetwork> {
  // The owner's process number is part of the name, so that a later run can tell leftovers.
  const namespace = `${prefix}${process.pid}-${name}`;
  const siteNamespace = `${namespace}-site`;
  const farNamespace = `${namespace}-far`;
  const namespaces = [namespace, siteNamespace, farNamespace];
  const reaper = startReaper(namespaces);
  const ip = (...args: string[]) => run(["ip", ...args]);
  const inNamespace = (...args: string[]) => ip("-n", namespace, ...args);
  const inSite = (...args: string[]) => ip("-n", siteNamespace, ...args);
  try {
    for (const one of namespaces) {
      await ip("netns", "add", one);
      await ip("-n", one, "link", "set", "lo", "up");
    }
    await inNamespace("link", "add", wire.bridge, "type", "bridge", "forward_delay", "0");
    await inNamespace("addr", "add", `${wire.serverAddress}/24`, "brd", "+", "dev", wire.bridge);
    await inNamespace("link", "set", wire.bridge, "up");
    const peer = ["peer", "name", "eth0", "netns", siteNamespace];
    await inNamespace("link", "add", "site0", "type", "veth", ...peer);
    await inNamespace("link", "set", "site0", "master", wire.bridge, "up");
    await inSite("addr", "add", `${wire.siteAddress}/24`, "brd", "+", "dev", "eth0");
    await inSite("link", "set", "eth0", "up");
    // Without this the bridge takes over the lowest address of its ports, and changes with them.
    const serverMac = "52:54:00:77:ff:01";
    await inNamespace("link", "set", wire.bridge, "address", serverMac);

    return {
      ...segment(namespace, wire.bridge, "tap"),
      namespace,
      siteNamespace,
      farNamespace,
      serverMac,
      insideSite: (...command) => ["ip", "netns", "exec", siteNamespace, ...command],
      insideFar: (...command) => ["ip", "netns", "exec", farNamespace, ...command],
      close: reaper.finish,
    };
  } catch (cause) {
    await reaper.finish();
    throw new LabError("cannot make the lab's network namespaces (is this root?)", { cause });
  }
}

/** A bridge that is there already; its taps have names that begin with `tapPrefix`. */
export function segment(namespace: string, bridge: string, tapPrefix: string): Segment {
  let taps = 0;
  return {
    inside: (...command) => ["ip", "netns", "exec", namespace, ...command],
    addTap: async () => {
      const tap = `${tapPrefix}${taps++}`;
      await run(["ip", "-n", namespace, "tuntap", "add", tap, "mode", "tap"]);
      await run(["ip", "-n", namespace, "link", "set", tap, "master", bridge, "up"]);
      return tap;
    },
  };
}

/** Ends what runs in the namespaces given as arguments, and removes them. */
const reap = `
for name in "$@"; do
  ip netns pids "$name" 2>/dev/null | xargs -r kill -9
done
for name in "$@"; do
  while [ -n "$(ip netns pids "$name" 2>/dev/null)" ]; do sleep 0.05; done
  ip netns delete "$name" 2>/dev/null
done
exit 0`;

/**
 * A small process of its own session that waits for the end of its standard input, which comes when
 * we close it or when we die, however that happens, and then cleans up. So an ended test run, a
 * Ctrl-C and a SIGKILL all leave nothing behind, and there is one way of cleaning up, always used.
 */
function startReaper(namespaces: readonly string[]): { finish: () => Promise<void> } {
  const child = spawn("sh", ["-c", `cat >/dev/null${reap}`, "sh", ...namespaces], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  return {
    finish: () => {
      child.stdin.end();
      return ended;
    },
  };
}

/** Removes the namespaces of runs whose process is gone; gives their names. */
export async function removeLeftovers(): Promise<string[]> {
  const listed = await run(["ip", "netns", "list"]);
  const leftovers: string[] = [];
  for (const line of listed.split("\n")) {
    const name = line.split(" ")[0] ?? "";
    const owner = /^eim-pxe-lab-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !(await ownerIsAlive(owner))) leftovers.push(name);
  }
  if (leftovers.length > 0) await run(["sh", "-c", reap, "sh", ...leftovers]);
  return leftovers;
}

/** Whether the process still is one that could run a lab: process numbers come round again. */
export async function ownerIsAlive(pid: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
  return command.includes("node");
}
