import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LabError, run } from "../process.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** What is needed on this machine to make a box's files. */
export const rootTools = ["debootstrap", "mke2fs", "npm", "tar"] as const;

/** A copy of a fresh Debian 13 with systemd and little more, which is made once and kept in `cache`. */
export async function freshDebian(cache: string, target: string): Promise<void> {
  const folder = join(cache, "debian-13-root");
  const kept: readonly string[] = await readdir(cache).catch(() => []);
  if (!kept.includes("debian-13-root")) {
    await mkdir(cache, { recursive: true });
    const staging = `${folder}-${process.pid}`;
    const packages = "systemd,systemd-sysv,udev,iproute2,ca-certificates,kmod,diffutils";
    const words = ["--variant=minbase", `--include=${packages}`, "trixie", staging] as const;
    // In mounts of its own, because it leaves the new system's /proc mounted when it is interrupted.
    await run(["unshare", "--mount", "debootstrap", ...words, "http://deb.debian.org/debian"]);
    await rename(staging, folder);
  }
  await run(["cp", "-a", folder, target]);
}

/** The package as it is published; gives the file. */
export async function packProgram(folder: string): Promise<string> {
  await run(["npm", "pack", "--silent", "--pack-destination", folder, repository]);
  const [tarball] = (await readdir(folder)).filter((name) => /^eim-pxe-.*\.tgz$/.test(name));
  if (tarball === undefined) throw new LabError(`npm pack made no package in ${folder}`);
  return join(folder, tarball);
}

/** `install.sh make-bundle` as somebody runs it in a checkout. */
export async function makeBundle(target: string, tarball: string): Promise<void> {
  const words = ["make-bundle", target, "--package", tarball, "--node", process.execPath];
  await run(["env", "-C", repository, "bash", "docker/install.sh", ...words]);
}

/** Has systemd of this root run a script of `/root/site` when the box is up; its lines go to `console`. */
export async function runAtStart(root: string, script: string, console: string): Promise<void> {
  const unit = [
    "[Unit]",
    "After=systemd-user-sessions.service",
    "[Service]",
    `ExecStart=/bin/bash /root/site/${script} ${console}`,
    "",
  ];
  const units = join(root, "etc/systemd/system");
  await writeFile(join(units, "witness.service"), unit.join("\n"));
  await mkdir(join(units, "multi-user.target.wants"), { recursive: true });
  const link = (target: string, name: string) => run(["ln", "-s", target, join(units, name)]);
  await link("../witness.service", "multi-user.target.wants/witness.service");
  // The console is the script's.
  for (const name of ["serial-getty@ttyS0.service", "console-getty.service"]) {
    await link("/dev/null", name);
  }
}

/** The kernel of this host, with its modules. */
export async function kernelVersion(): Promise<string> {
  const version = (await readdir("/boot")).flatMap(
    (name) => /^vmlinuz-(.*-cloud-amd64)$/.exec(name)?.[1] ?? [],
  )[0];
  if (version === undefined)
    throw new LabError("no /boot/vmlinuz-*-cloud-amd64: apt-get install linux-image-cloud-amd64");
  return version;
}

/** A disk with the files of this root, and the modules of this host's kernel. */
export async function diskOf(root: string, disk: string): Promise<void> {
  const modules = join(root, "usr/lib/modules");
  await mkdir(modules, { recursive: true });
  await run(["cp", "-a", `/lib/modules/${await kernelVersion()}`, modules]);
  await run(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, "3G"]);
}
