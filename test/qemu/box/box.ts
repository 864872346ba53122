import { join } from "node:path";
import { withoutEscapes } from "../client.ts";
import { type LabNetwork, wire } from "../network.ts";
import { type Command, LabError, run, startService } from "../process.ts";
import { diskOf, kernelVersion, rootTools } from "./debian-root.ts";

/** All programs that boxes need besides the lab's. */
export const boxTools = [...rootTools, "systemd-nspawn"] as const;

/** A host with systemd as PID 1 on the lab's wire: its address, and the device that has it. */
export const boxAddress = "192.168.77.10";

/** Each kind of box: how it is started on the wire with the files of `root`, and its console. */
export const boxKinds = [
  { kind: "container", console: "/dev/console", command: container },
  { kind: "machine", console: "/dev/ttyS0", command: machine },
] as const;

/** A container of systemd-nspawn, plugged into the bridge. */
async function container(network: LabNetwork, root: string, device: string): Promise<Command> {
  const { namespace, farNamespace } = network;
  const inside = (...words: string[]) => run(["ip", "-n", namespace, ...words]);
  const far = (...words: string[]) => run(["ip", "-n", farNamespace, ...words]);
  const peer = ["peer", "name", device, "netns", farNamespace];
  await inside("link", "add", "box0", "type", "veth", ...peer);
  await inside("link", "set", "box0", "master", wire.bridge, "up");
  // A container has no right to do this itself.
  await far("addr", "add", `${boxAddress}/24`, "brd", "+", "dev", device);
  await far("link", "set", device, "up");
  const own = [
    `--network-namespace-path=/run/netns/${farNamespace}`,
    "--register=no",
    "--keep-unit",
  ];
  const words = ["systemd-nspawn", "--quiet", "--boot", "-D", root, ...own];
  return ["env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", ...words];
}

/** A machine of its own in QEMU. */
async function machine(network: LabNetwork, root: string): Promise<Command> {
  const version = await kernelVersion();
  const disk = `${root}.img`;
  await diskOf(root, disk);
  const tap = await network.addTap();
  const flags = [
    ["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1536", "-nographic", "-nodefaults"],
    ["-no-reboot", "-kernel", `/boot/vmlinuz-${version}`, "-initrd", `/boot/initrd.img-${version}`],
    ["-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 systemd.show_status=0 quiet"],
    // Nobody reads the disk after the test: it need not be synced.
    ["-drive", `if=virtio,format=raw,cache=unsafe,file=${disk}`, "-serial", "stdio"],
    ["-object", "rng-random,id=r0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r0"],
    ["-netdev", `tap,id=n0,ifname=${tap},script=no,downscript=no`],
    ["-device", "virtio-net-pci,netdev=n0,mac=52:54:00:77:00:fe,romfile="],
  ];
  return network.inside("qemu-system-x86_64", ...flags.flat());
}

/** A box that runs, and its console. */
export interface Box {
  /** Every line so far. */
  readonly lines: readonly string[];
  /** What follows the prefix in the first line that has it; fails when the box goes off before. */
  readonly told: (prefix: string) => Promise<string>;
  readonly stop: () => Promise<unknown>;
}

export function startBox(command: Command, folder: string): Box {
  const service = startService({ name: "box", command, logFile: join(folder, "box.log") });
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  service.onLine((line) => {
    lines.push(withoutEscapes(line));
    for (const look of listeners) look();
  });
  const find = (prefix: string) => lines.find((line) => line.includes(prefix));
  return {
    lines,
    stop: service.stop,
    told: async (prefix) => {
      const found = new Promise<string>((resolve) => {
        const look = (): void => {
          const line = find(prefix);
          if (line === undefined) return;
          listeners.delete(look);
          resolve(line);
        };
        listeners.add(look);
        look();
      });
      const never = service.exited.then(() => {
        throw new LabError(`the box went off before "${prefix}"; see ${service.logFile}`);
      });
      const line = await Promise.race([found, never]);
      return line.slice(line.indexOf(prefix) + prefix.length).trim();
    },
  };
}
