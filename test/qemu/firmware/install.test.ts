import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { access, cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { bootMachine, withoutEscapes } from "../client.ts";
import { buildMicroOs } from "../micro-os.ts";
import { createNetwork, type LabNetwork, wire } from "../network.ts";
import { startOrchestrator } from "../orchestrator.ts";
import { type Command, exitOf, LabError, run, stopChild } from "../process.ts";
import { labFolder, labTools } from "../site.ts";

/*
 * docker/install.sh on a fresh Debian 13 with systemd as PID 1, from nothing to a machine in the Micro-OS, from a
 * bundle, without any registry: on a container of systemd-nspawn, and on a machine of its own in QEMU.
 */

const tools = [...labTools, "debootstrap", "mke2fs", "systemd-nspawn", "npm", "tar"];
const skipped = reasonToSkip({ root: true, tools });
const repository = fileURLToPath(new URL("../../../", import.meta.url));
const cache = join(labFolder, "cache");
const boxAddress = "192.168.77.10";
/** Of a box with systemd, emulated, beside other work. */
const PATIENCE_MS = 1_500_000;

/** Debian 13 with systemd and little more; kept in the cache. */
async function debianRoot(): Promise<string> {
  const folder = join(cache, "debian-13-root");
  if (
    await access(folder).then(
      () => true,
      () => false,
    )
  )
    return folder;
  await mkdir(cache, { recursive: true });
  const staging = `${folder}-${process.pid}`;
  const include = "--include=systemd,systemd-sysv,udev,iproute2,ca-certificates,kmod,diffutils";
  await run([
    "debootstrap",
    "--variant=minbase",
    include,
    "trixie",
    staging,
    "http://deb.debian.org/debian",
  ]);
  await rename(staging, folder);
  return folder;
}

/** The kernel of this host, with its modules. */
async function kernelVersion(): Promise<string> {
  const version = (await readdir("/boot")).flatMap(
    (name) => /^vmlinuz-(.*-cloud-amd64)$/.exec(name)?.[1] ?? [],
  )[0];
  if (version === undefined)
    throw new LabError("no /boot/vmlinuz-*-cloud-amd64: apt-get install linux-image-cloud-amd64");
  return version;
}

/** The box's files: a fresh Debian, and what a person brings along in /root/site. */
async function buildRoot(
  folder: string,
  settings: string,
  ca: string,
  console: string,
): Promise<string> {
  const root = join(folder, "root");
  const site = join(root, "root/site");
  await run(["cp", "-a", await debianRoot(), root]);
  await mkdir(site, { recursive: true });
  await run(["npm", "pack", "--silent", "--pack-destination", folder, repository]);
  const [tarball = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  const make = [
    "docker/install.sh",
    "make-bundle",
    join(site, "bundle.tgz"),
    "--package",
    join(folder, tarball),
    "--node",
    process.execPath,
  ];
  await run(["env", "-C", repository, "bash", ...make]);
  await cp(join(repository, "docker/install.sh"), join(site, "install.sh"));
  await cp(ca, join(site, "orchestrator-ca.pem"));
  await cp(join(repository, "test/qemu/guests/install.sh"), join(site, "witness.sh"));
  await writeFile(join(site, "settings"), settings);
  const unit = `[Unit]\nAfter=systemd-user-sessions.service\n[Service]\nExecStart=/bin/bash /root/site/witness.sh ${console}\n`;
  const units = join(root, "etc/systemd/system");
  await writeFile(join(units, "witness.service"), unit);
  await mkdir(join(units, "multi-user.target.wants"), { recursive: true });
  await run([
    "ln",
    "-s",
    "../witness.service",
    join(units, "multi-user.target.wants/witness.service"),
  ]);
  await run(["ln", "-s", "/dev/null", join(units, "serial-getty@ttyS0.service")]);
  return root;
}

/** The same as a disk, with the modules of this host's kernel. */
async function buildDisk(folder: string, root: string): Promise<string> {
  const modules = join(root, "usr/lib/modules");
  await mkdir(modules, { recursive: true });
  await run(["cp", "-a", `/lib/modules/${await kernelVersion()}`, modules]);
  const disk = join(folder, "box.img");
  await run(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, "3G"]);
  return disk;
}

/** How a box is started on the wire. */
type StartBox = (network: LabNetwork, folder: string, root: string) => Promise<Command>;

/** A container in a network namespace of its own, plugged into the bridge. */
const startContainer: StartBox = async (network, _folder, root) => {
  const { namespace, farNamespace } = network;
  const inside = (...words: string[]) => run(["ip", "-n", namespace, ...words]);
  const far = (...words: string[]) => run(["ip", "-n", farNamespace, ...words]);
  const peer = ["peer", "name", "eth0", "netns", farNamespace];
  await inside("link", "add", "box0", "type", "veth", ...peer);
  await inside("link", "set", "box0", "master", wire.bridge, "up");
  // A container has no right to do this itself.
  await far("addr", "add", `${boxAddress}/24`, "brd", "+", "dev", "eth0");
  await far("link", "set", "eth0", "up");
  const own = [
    `--network-namespace-path=/run/netns/${farNamespace}`,
    "--register=no",
    "--keep-unit",
  ];
  const words = ["systemd-nspawn", "--quiet", "--boot", "-D", root, ...own];
  return ["env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", ...words];
};

/** A machine of its own in QEMU. */
const startMachine: StartBox = async (network, folder, root) => {
  const version = await kernelVersion();
  const disk = await buildDisk(folder, root);
  const tap = await network.addTap();
  const flags = [
    ["-accel", "tcg", "-cpu", "max", "-m", "1024", "-nographic", "-nodefaults", "-no-reboot"],
    ["-kernel", `/boot/vmlinuz-${version}`, "-initrd", `/boot/initrd.img-${version}`],
    ["-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 systemd.show_status=0 quiet"],
    ["-drive", `if=virtio,format=raw,file=${disk}`, "-serial", "stdio"],
    ["-object", "rng-random,id=r0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r0"],
    ["-netdev", `tap,id=n0,ifname=${tap},script=no,downscript=no`],
    ["-device", "virtio-net-pci,netdev=n0,mac=52:54:00:77:00:fe,romfile="],
  ];
  return network.inside("qemu-system-x86_64", ...flags.flat());
};

/** Its lines as they come. */
function watchBox([program, ...words]: Command, folder: string) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  const log = join(folder, "box.log");
  child.stdout.pipe(createWriteStream(log));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(withoutEscapes(line));
    for (const look of waiting) look();
  });
  const ended = exitOf(child);
  return {
    lines,
    stop: () => stopChild(child),
    /** The first line that matches; fails when the box goes off before. */
    async line(pattern: RegExp): Promise<string> {
      const found = new Promise<string>((resolve) => {
        const look = (): void => {
          const line = lines.find((one) => pattern.test(one));
          if (line === undefined) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        look();
      });
      const never = ended.then(() => {
        throw new LabError(`the box went off before ${pattern.source}; see ${log}`);
      });
      return Promise.race([found, never]);
    },
  };
}

describe.skipIf(skipped !== null)(
  `docker/install.sh${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    test.each([
      { kind: "container", start: startContainer, console: "/dev/console" },
      { kind: "machine", start: startMachine, console: "/dev/ttyS0" },
    ])(
      "takes a fresh Debian ($kind) to a machine in the Micro-OS, changes nothing the second time, and leaves nothing",
      async ({ kind, start, console: terminal }) => {
        const folder = join(labFolder, `install-${kind}-${process.pid}`);
        await mkdir(folder, { recursive: true });
        const network = await createNetwork("install");
        try {
          const microOs = await buildMicroOs(cache);
          const orchestrator = await startOrchestrator(
            network,
            microOs,
            folder,
            "mirror",
            wire.serverAddress,
          );
          const pool = `${wire.firstAddress}-${wire.lastAddress}`;
          const settings = `ADDRESS=${boxAddress}\nORCHESTRATOR=${wire.serverAddress}\nORIGIN=${orchestrator.origin}\nPOOL=${pool}\n`;
          const root = await buildRoot(folder, settings, orchestrator.caFile, terminal);
          const box = watchBox(await start(network, folder, root), folder);
          try {
            expect(await box.line(/^witness: PID 1/)).toBe("witness: PID 1 is systemd");
            expect(await box.line(/^witness: installed/)).toMatch(/installed 0 after \d+ s/);
            expect(await box.line(/^witness: diff/)).toBe("witness: diff 0");
            expect(await box.line(/^witness: again/)).toBe("witness: again 0");
            expect(await box.line(/^witness: broken upgrade/)).toBe("witness: broken upgrade 1");
            await box.line(/^witness: ready for a machine/);
            // Twice: before and after the upgrade that was taken back.
            expect(box.lines.filter((line) => line === "Nothing would be changed.")).toHaveLength(
              2,
            );
            expect(box.lines).toContain("Nothing was to be changed.");
            expect(box.lines).toContain("witness: the service went on");
            expect(box.lines).toContain("This machine would boot.");
            const uuid = "e1a9c0de-0077-4000-8000-0000000000aa";
            const machine = {
              firmware: "uefi",
              mac: "52:54:00:77:00:aa",
              uuid,
              serial: "LABAA",
            } as const;
            const { seconds } = await bootMachine(machine, { network, folder, accelerator: "tcg" });
            await box.line(/^witness: a machine is up/);
            expect(await box.line(/^witness: uninstalled/)).toBe("witness: uninstalled 0");
            expect(await box.line(/^witness: the file system/)).toBe(
              "witness: the file system is as before",
            );
            process.stderr.write(
              `${await box.line(/^witness: installed/)}; the machine: ${seconds.toFixed(1)} s\n`,
            );
            await rm(folder, { recursive: true });
          } finally {
            await box.stop();
            await orchestrator.stop();
          }
        } finally {
          await network.close();
        }
      },
      PATIENCE_MS,
    );
  },
);
