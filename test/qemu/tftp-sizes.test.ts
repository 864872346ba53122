import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fromText } from "../../src/lib/bytes.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import { rows } from "../support/cases.ts";
import { LossyLink } from "../support/lossy-link.ts";
import { fileOfSize } from "../support/random.ts";
import { TestServer } from "../support/tftp-server.ts";
import { reasonToSkip } from "../support/tools.ts";
import { bootUntil, useSite } from "./boots.ts";
import { type CpioEntry, cpioArchive } from "./cpio.ts";
import { oldLoaders } from "./loaders.ts";
import { startService } from "./process.ts";
import { labTools } from "./site.ts";

/*
 * The TFTP of real firmware and files of many sizes.
 *
 * iPXE's script fetches each into an initramfs, whose Linux then tells the checksums of what came. That machine is
 * on QEMU's user network, where 10.0.2.2 is this host's loopback. EDK2's PXE fetches nothing but what it starts;
 * what its TFTP client can do besides is in tftp-edk2.test.ts.
 */

const MIB = 1024 * 1024;
/** iPXE asks for blocks of 1432 bytes, so the last of them is past the wrap of block numbers; it takes a minute. */
const sizes = [1, 511, 512, 513, 1431, 1432, 1433, 1467, 1468, 1469, MIB, 33 * MIB, 100 * MIB];
const filled = rows(sizes, (size) => size <= MIB);
/** Percent of the datagrams that a bad link loses; a MiB has to come through each. */
const losses = [1, 5, 10];
const usualSeconds = 60;
const prefix = "EIM-PXE-LAB md5:";

const init = `#!/bin/busybox sh
exec </dev/null >/dev/ttyS0 2>&1
for file in /loss-* /size-*; do echo "${prefix} $(/bin/busybox md5sum "$file")"; done
/bin/busybox poweroff -f
`;

interface Link {
  readonly lossPercent: number;
  readonly link: LossyLink;
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

async function filesToServe(): Promise<Record<string, Uint8Array>> {
  const kernel = (await readdir("/boot")).find((name) => /^vmlinuz-.*-cloud-amd64$/.test(name));
  const entries: readonly CpioEntry[] = [
    { kind: "folder", path: "bin" },
    { kind: "folder", path: "dev" },
    { kind: "device", path: "dev/console", major: 5, minor: 1 },
    { kind: "device", path: "dev/ttyS0", major: 4, minor: 64 },
    { kind: "device", path: "dev/null", major: 1, minor: 3 },
    { kind: "file", path: "init", mode: 0o755, bytes: Buffer.from(init) },
    { kind: "file", path: "bin/busybox", mode: 0o755, bytes: await readFile("/usr/bin/busybox") },
  ];
  const files: Record<string, Uint8Array> = {
    "linux.efi": await readFile(join("/boot", kernel ?? "")),
    "initramfs.efi": cpioArchive(entries),
  };
  for (const size of [0, ...filled]) files[`${size}.efi`] = fileOfSize(size);
  return files;
}

function urlOf({ port }: UdpEndpoint): string {
  return `tftp://10.0.2.2:${port}`;
}

/** The files of an initramfs have the names that come behind their URLs. */
function scriptFor(server: UdpEndpoint, links: readonly Link[]): string {
  const base = urlOf(server);
  return [
    "#!ipxe",
    `kernel ${base}/linux.efi quiet || shell`,
    `initrd ${base}/initramfs.efi || shell`,
    // iPXE of 2019 takes an empty file, without a last ACK; but it would never end putting it into an initramfs.
    `imgfetch --name empty ${base}/0.efi || shell`,
    "imgfree empty",
    ...filled.map((size) => `initrd ${base}/${size}.efi /size-${size} || shell`),
    ...links.map(
      ({ lossPercent, link }) =>
        `initrd ${urlOf(link.endpoint)}/${MIB}.efi /loss-${lossPercent} || shell`,
    ),
    "boot",
    "",
  ].join("\n");
}

function note(missing: string | null): string {
  return missing === null ? "" : ` (${missing})`;
}

function words(line: string): readonly string[] {
  return line.split(" ");
}

const ipxeMissing = reasonToSkip({ tools: ["qemu-system-x86_64", "busybox"] });
const edk2Missing = reasonToSkip({ root: true, tools: labTools });

describe.skipIf(ipxeMissing !== null)(`iPXE${note(ipxeMissing)}`, () => {
  it("fetches files of every size whole, past the wrap of block numbers and through loss", async () => {
    const folder = await mkdtemp(join(tmpdir(), "eim-pxe-ipxe-"));
    const files = await filesToServe();
    const content: Record<string, Uint8Array> = { ...files };
    const server = await TestServer.start(content, { openUdp: openDgram, openTransferUdp });
    // Who is behind a bad link may never be heard to have everything, so it has a server of its own.
    const farServer = await TestServer.start(files, { openUdp: openDgram, openTransferUdp });
    const links = await Promise.all(
      losses.map(async (lossPercent) => {
        const faults = { seed: lossPercent, lossPercent, copyPercent: 1, latePercent: 1 };
        return { lossPercent, link: await LossyLink.open(farServer.endpoint, faults) };
      }),
    );
    const script = fromText(scriptFor(server.endpoint, links));
    content["autoexec.ipxe"] = script;
    const bootFile = `tftp://10.0.2.2:${server.endpoint.port}/autoexec.ipxe`;
    const machine = startService({
      name: "QEMU",
      command: [
        "qemu-system-x86_64",
        ...words("-accel tcg -cpu max -m 1024 -nographic -nodefaults -no-reboot -serial stdio"),
        ...words(`-netdev user,id=n0,bootfile=${bootFile}`),
        ...words("-device virtio-net-pci,netdev=n0,bootindex=1"),
      ],
      logFile: join(folder, "serial.log"),
    });
    const sums: Record<string, string> = {};
    machine.onLine((line) => {
      const [, sum = "", name = ""] = /md5: ([0-9a-f]{32}) {2}\/([a-z]+-[0-9]+)/.exec(line) ?? [];
      if (name !== "") sums[name] = sum;
    });
    try {
      const last = `/size-${filled.map(String).toSorted().at(-1)}`;
      const told = (line: string) => (line.trimEnd().endsWith(last) ? line : null);
      await machine.waitForLine("the last checksum", told, 15 * usualSeconds * 1000);
      const wanted = [
        ...filled.map((size) => [`size-${size}`, size] as const),
        ...losses.map((percent) => [`loss-${percent}`, MIB] as const),
      ].map(([name, size]) => [name, md5(files[`${size}.efi`] ?? script)]);
      expect(sums).toEqual(Object.fromEntries(wanted));
      const done = server.events.flatMap((event) =>
        event.event === "loader-done" ? [event.file] : [],
      );
      expect(done).toEqual(["linux.efi", "initramfs.efi", ...filled.map((size) => `${size}.efi`)]);
      // The links were about as bad as they should be.
      for (const { lossPercent, link } of links) {
        expect(link.lost / (link.passed + link.lost)).toBeGreaterThan(lossPercent / 300);
      }
    } finally {
      await machine.stop();
      await Promise.all(links.map(({ link }) => link.close()));
      await server.close();
      await farServer.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe.skipIf(edk2Missing !== null)(`EDK2${note(edk2Missing)}`, () => {
  // A program may have anything behind its end, so the loader can be made as long as it should be.
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-loaders-"));
  const site = useSite({ mode: "proxy", loaders: { folder } });
  const blksize = 1468;

  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ["a whole number of blocks, so that an empty one ends it", blksize * 1000],
    ["one byte more", blksize * 1000 + 1],
    ["one byte less", blksize * 1000 - 1],
    ["33 MiB", 33 * MIB],
  ])("starts a loader that has %s, fetched in windows of blocks", async (_, size) => {
    const loader = new Uint8Array(size);
    loader.set(await readFile(join(oldLoaders, "ipxe.efi")));
    await writeFile(join(folder, "ipxe.efi"), loader);
    await bootUntil(site(), "uefi", /^iPXE \d/);
    const done = site().server.events.findLast(({ event }) => event === "loader-done");
    expect(done?.fields).toMatchObject({ file: "ipxe.efi", bytes: size, blksize, windowsize: 4 });
  });
});
