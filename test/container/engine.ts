import { spawn } from "node:child_process";
import { mkdir, mkdtemp, open, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../src/lib/errors.ts";
import { exitOf, isRunning, LabError, run } from "../qemu/process.ts";
import type { Command } from "../qemu/process.ts";

/** The programs that an engine of our own needs, and Debian's packages for them. */
export const engineTools: Readonly<Record<string, string>> = {
  dockerd: "docker.io",
  docker: "docker-cli (in docker.io before Debian 13)",
  "docker-compose": "docker-compose",
  nsenter: "util-linux",
  unshare: "util-linux",
};

/** A Docker engine of our own, which knows nothing of any other on this machine, nor they of it. */
export interface Engine {
  /** The command line of Docker's client for this engine. */
  readonly docker: (...args: string[]) => Command;
  /** Runs it, and gives its standard output. */
  readonly run: (...args: string[]) => Promise<string>;
  /** Ends the engine with all its containers. */
  readonly stop: () => Promise<void>;
}

/**
 * The engine becomes the first process of process and mount namespaces of its own: with it end all
 * its containers and mounts. It ends by itself when our end of its standard input is closed, which
 * is also how it notices that we are gone.
 */
const inNamespaces = `
set -e
# Another engine's containerd and settings must not be found here.
for folder in /run/containerd /etc/docker; do
  mkdir -p "$folder"
  mount -t tmpfs tmpfs "$folder"
done
# Containers on the host's network get the host's names.
[ ! -e "$1/hosts" ] || mount --bind "$1/hosts" /etc/hosts
exec 3<&0
{ cat <&3 >/dev/null; kill 1; } &
exec dockerd --config-file "$1/daemon.json" 3<&-
`;

/** Removes what is left when the engine has ended: sockets, and the containers' control groups. */
const thenCleanUp = `
folder=$1 cgroup=$2
shift 2
"$@"
code=$?
# A control group cannot be removed before its last process is gone.
for attempt in $(seq 50); do
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null && break
  sleep 0.1
done
rm -rf "$folder"
exit "$code"
`;

export async function startEngine(options: {
  /** Images and the build cache; kept. */
  readonly dataFolder: string;
  readonly logFile: string;
  /** The network namespace that `--network=host` means; null: this process's own. */
  readonly namespace: string | null;
  /** Names that containers on the host's network know, with their addresses; default: this machine's. */
  readonly hosts?: Readonly<Record<string, string>>;
}): Promise<Engine> {
  const { dataFolder, logFile, namespace, hosts } = options;
  await mkdir(dataFolder, { recursive: true });
  // A socket's path may not be longer than 107 characters, so not in the project's folder.
  const folder = await mkdtemp(join(tmpdir(), "eim-pxe-docker-"));
  const socket = `unix://${join(folder, "docker.sock")}`;
  const cgroup = `eim-pxe-docker-${process.pid}`;
  await writeFile(
    join(folder, "daemon.json"),
    JSON.stringify({
      "data-root": dataFolder,
      "exec-root": join(folder, "exec"),
      pidfile: join(folder, "docker.pid"),
      hosts: [socket],
      "shutdown-timeout": 5, // seconds, for containers to end by themselves
      "cgroup-parent": `/${cgroup}`,
      // systemd would look for the containers' processes in its own process namespace.
      "exec-opts": ["native.cgroupdriver=cgroupfs"],
      // The machine's own network stays as it is.
      bridge: "none",
      iptables: false,
      ip6tables: false,
      "ip-forward": false,
    }),
  );

  if (hosts !== undefined) {
    const lines = Object.entries({ localhost: "127.0.0.1", ...hosts });
    await writeFile(
      join(folder, "hosts"),
      lines.map(([name, address]) => `${address} ${name}\n`).join(""),
    );
  }

  const entered = namespace === null ? [] : ["nsenter", `--net=/run/netns/${namespace}`];
  const apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const engine = [...entered, ...apart, "sh", "-c", inNamespaces, "sh", folder];
  const log = await open(logFile, "a");
  const child = spawn("sh", ["-c", thenCleanUp, "sh", folder, cgroup, ...engine], {
    // Not in our process group: Ctrl-C is for us, and the engine ends when we do. It writes to the
    // log by itself, so that it can still say so when we are gone.
    detached: true,
    stdio: ["pipe", log.fd, log.fd],
  });
  await log.close();
  const exited = exitOf(child);
  const docker = (...words: string[]): Command => ["docker", "--host", socket, ...words];
  const stop = async () => {
    child.stdin?.end();
    await exited;
  };
  try {
    await untilItAnswers();
    // Interrupted builds and runs leave containers, of which some start again, and their volumes.
    const left = (await run(docker("container", "ls", "--all", "--quiet"))).split(/\s+/);
    for (const id of left.filter((one) => one !== "")) await run(docker("rm", "--force", id));
    await run(docker("volume", "prune", "--force"));
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { docker, run: (...words) => run(docker(...words)), stop };

  async function untilItAnswers(): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const refusal = await run(docker("version")).then(() => null, messageOf);
      if (refusal === null) return;
      if (!isRunning(child)) throw new LabError(`dockerd ended by itself; see ${logFile}`);
      if (performance.now() > deadline) {
        throw new LabError(`dockerd is not ready after 60 s: ${refusal}; see ${logFile}`);
      }
      await delay(200);
    }
  }
}
