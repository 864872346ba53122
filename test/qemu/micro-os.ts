import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cpioArchive } from "./cpio.ts";
import type { CpioEntry } from "./cpio.ts";
import { debianFiles } from "./debian.ts";
import { LabError, run } from "./process.ts";

/** The kinds of processor, as the orchestrator writes them into the names of its files. */
export type Arch = "x86_64" | "arm64";

/**
 * A Micro-OS small enough to boot in a few seconds even when emulated: Debian's cloud kernel and an
 * initramfs of a static busybox. Its `/init` says on the serial console that it is up and with what
 * kernel arguments, takes an address by DHCP, reports by a beacon, and powers the machine off.
 */
export interface MicroOs {
  readonly arch: Arch;
  /** The folder with the two files, named as the orchestrator names them. */
  readonly folder: string;
  readonly kernel: string;
  readonly initramfs: string;
}

/** The serial console's lines that say how far the Micro-OS got. */
export const markers = {
  /** Followed by a blank and `/proc/cmdline`. */
  up: "EIM-PXE-LAB micro-os up:",
  /** Followed by a blank and the machine's address. */
  address: "EIM-PXE-LAB address:",
  beaconSent: "EIM-PXE-LAB beacon sent",
  failed: "EIM-PXE-LAB failed:",
} as const;

/** What a Micro-OS that is told of a log server (`syslogArgument`) logs there. */
export const loggedLine = "EIM-PXE-LAB logged";

/** The kernel argument whose value is the server that it logs to, as HookOS has it; the orchestrator's own names none. */
export const syslogArgument = "syslog_host";

/** The kernel argument whose value is the URL that the beacon goes to. */
export const beaconArgument = "eim_pxe_beacon";

const kernelModules = ["virtio_pci", "virtio_net"];

/**
 * `/init`. It writes to the first serial port (of an arm64 machine: ttyAMA0) by itself, whatever `console=` and `quiet` say: the
 * orchestrator's kernel arguments have to stay as they are. Like the real Micro-OS it looks for the
 * network card whose address is in `worker_id`, so a script that hands over a wrong one fails here.
 */
const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
console=/dev/ttyS0
[ -c /dev/ttyAMA0 ] && console=/dev/ttyAMA0
exec </dev/null >$console 2>&1

read -r arguments </proc/cmdline
printf '\\n%s %s\\n' '${markers.up}' "$arguments"

# The kernel arguments have it say nothing by itself.
dmesg | grep -i 'secure *boot'

value() { tr ' ' '\\n' </proc/cmdline | sed -n "s|^$1=||p" | tail -n 1; }
finish() { sync; poweroff -f; }
fail() { echo "${markers.failed} $*"; finish; exit 1; }

while read -r module; do insmod "/modules/$module"; done </modules/order

mac=$(value worker_id)
[ -n "$mac" ] || fail "no worker_id among the kernel arguments"
card=
for path in /sys/class/net/*; do
  [ "$(cat "$path/address")" = "$mac" ] && card=\${path##*/}
done
[ -n "$card" ] || fail "no network card has the worker_id $mac"

ip link set lo up
ip link set "$card" up
udhcpc -i "$card" -q -n -t 8 -T 2 -s /udhcpc.script || fail "no address by DHCP on $card"

log=$(value ${syslogArgument})
case "$log" in
  "" | 127.*) ;;
  *)
    syslogd -R "$log:514"
    tries=0
    until logger -t micro-os '${loggedLine}' || [ $tries -ge 50 ]; do tries=$((tries + 1)); usleep 100000; done
    # It is sent by syslogd, in its own time.
    sleep 2
    ;;
esac

beacon=$(value ${beaconArgument})
if [ -n "$beacon" ]; then
  # -Y off: unknown kernel arguments become /init's environment, http_proxy among them.
  # timeout: Debian's busybox is built without wget's own -T, and dies of it.
  timeout 10 wget -Y off -q -O /dev/null --post-data "mac=$mac&stage=micro-os" "$beacon" \\
    || fail "the beacon to $beacon was refused"
  echo "${markers.beaconSent}"
fi
finish
`;

const udhcpcScript = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
[ -z "$router" ] || ip route add default via "\${router%% *}"
echo "${markers.address} $ip"
`;

/** What a Micro-OS is made of. */
interface Source {
  /** Where `boot/` and `lib/modules/` of the kernel's package are. */
  readonly root: string;
  readonly release: string;
  /** The static busybox. */
  readonly busybox: string;
}

/** Gives the Micro-OS from `cache`, and makes it there first where kernel or recipe have changed. */
export async function buildMicroOs(cache: string, arch: Arch = "x86_64"): Promise<MicroOs> {
  const source = arch === "arm64" ? await arm64Source(cache) : await hostSource();
  const [kernel, busybox] = await Promise.all([
    readFile(join(source.root, "boot", `vmlinuz-${source.release}`)),
    readFile(source.busybox),
  ]);
  const archive = cpioArchive(await initramfsEntries(source, busybox));
  const hash = createHash("sha256").update(kernel).update(archive).digest("hex").slice(0, 16);
  const folder = join(cache, `micro-os-${hash}`);
  if (!(await exists(folder))) {
    await mkdir(cache, { recursive: true });
    const staging = await mkdtemp(join(cache, "staging-"));
    const plain = join(staging, `initramfs-${arch}`);
    await writeFile(join(staging, `vmlinuz-${arch}`), kernel);
    await writeFile(plain, archive);
    // As the orchestrator packs its own: the kernel's decoder knows no other xz checksum than CRC32.
    await run(["xz", "--check=crc32", "-6", "--suffix=.xz", plain]);
    await rename(`${plain}.xz`, plain);
    try {
      await rename(staging, folder);
    } catch (cause) {
      // Another run was faster, which is as good.
      await rm(staging, { recursive: true });
      if (!(await exists(folder))) throw cause;
    }
  }
  return {
    arch,
    folder,
    kernel: join(folder, `vmlinuz-${arch}`),
    initramfs: join(folder, `initramfs-${arch}`),
  };
}

async function initramfsEntries(source: Source, busybox: Buffer): Promise<CpioEntry[]> {
  const modules = await modulesInOrder(source);
  const order = modules.map((path) => `${basename(path)}\n`).join("");
  const folders = ["bin", "dev", "proc", "sys", "modules"];
  return [
    ...folders.map((path): CpioEntry => ({ kind: "folder", path })),
    // For the kernel, before /init has mounted anything.
    { kind: "device", path: "dev/console", major: 5, minor: 1 },
    { kind: "file", path: "init", mode: 0o755, bytes: Buffer.from(init) },
    { kind: "file", path: "udhcpc.script", mode: 0o755, bytes: Buffer.from(udhcpcScript) },
    { kind: "file", path: "bin/busybox", mode: 0o755, bytes: busybox },
    { kind: "link", path: "bin/sh", target: "busybox" },
    { kind: "file", path: "modules/order", mode: 0o644, bytes: Buffer.from(order) },
    ...(await Promise.all(
      modules.map(async (path): Promise<CpioEntry> => ({
        kind: "file",
        path: `modules/${basename(path)}`,
        mode: 0o644,
        bytes: await readFile(path),
      })),
    )),
  ];
}

/** This host's newest cloud kernel that has its modules beside it, e.g. `6.1.0-56-cloud-amd64`. */
async function hostSource(): Promise<Source> {
  const root = "/";
  for (const release of await kernelReleases(root)) {
    if (await exists(modulesIndex({ root, release }))) {
      return { root, release, busybox: "/usr/bin/busybox" };
    }
  }
  throw new LabError(
    "no /boot/vmlinuz-*-cloud-amd64 with its modules: apt-get install linux-image-cloud-amd64",
  );
}

/** Debian 12's cloud kernel for arm64; Debian 13's modules are compressed, which busybox does not undo. */
async function arm64Source(cache: string): Promise<Source> {
  const debian = { suite: "bookworm", architecture: "arm64" } as const;
  const packages = [/^busybox-static$/, /^linux-image-\d[\d.]*-\d+-cloud-arm64$/];
  const root = await debianFiles(cache, "arm64-bookworm", debian, packages);
  const [release] = await kernelReleases(root);
  if (release === undefined) throw new LabError(`no kernel in ${root}/boot`);
  // The package's own installation would have made it.
  if (!(await exists(modulesIndex({ root, release })))) await run(["depmod", "-b", root, release]);
  return { root, release, busybox: join(root, "bin/busybox") };
}

/** The cloud kernels in `boot/`, the newest first. */
async function kernelReleases(root: string): Promise<string[]> {
  const byNumber = new Intl.Collator("en", { numeric: true });
  return (await readdir(join(root, "boot")))
    .filter((name) => /^vmlinuz-.*-cloud-(amd64|arm64)$/.test(name))
    .map((name) => name.slice("vmlinuz-".length))
    .toSorted((a, b) => byNumber.compare(b, a));
}

function modulesIndex({ root, release }: Pick<Source, "root" | "release">): string {
  return join(root, "lib/modules", release, "modules.dep");
}

/** Paths of the modules in which `kernelModules` and all that they need can be loaded one by one. */
async function modulesInOrder(source: Source): Promise<string[]> {
  const needs = new Map<string, string[]>();
  for (const line of (await readFile(modulesIndex(source), "utf8")).split("\n")) {
    const [path, rest] = line.split(":");
    if (path === undefined || rest === undefined) continue;
    needs.set(path, rest.split(" ").filter(Boolean));
  }
  const ordered = new Set<string>();
  const visit = (path: string) => {
    if (ordered.has(path)) return;
    for (const needed of needs.get(path) ?? []) visit(needed);
    ordered.add(path);
  };
  for (const name of kernelModules) {
    const path = [...needs.keys()].find((key) => basename(key) === `${name}.ko`);
    if (path === undefined) throw new LabError(`kernel ${source.release} has no module ${name}`);
    visit(path);
  }
  return [...ordered].map((path) => join(source.root, "lib/modules", source.release, path));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
