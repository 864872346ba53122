import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromText } from "../../src/lib/bytes.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../../src/net/transfer-socket.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { TestServer } from "../support/tftp-server.ts";
import { reasonToSkip } from "../support/tools.ts";
import { type CpioEntry, cpioArchive } from "./cpio.ts";
import { startService } from "./process.ts";

/*
 * iPXE's own TFTP and files of many sizes: its script fetches each into an initramfs, whose Linux then tells the
 * checksums of what came. The machine is on QEMU's user network, where 10.0.2.2 is this host's loopback.
 */

const MIB = 1024 * 1024;
/** iPXE asks for blocks of 1432 bytes, so the last of them is past the wrap of block numbers. */
const filled = [1, 511, 512, 513, 1431, 1432, 1433, 1467, 1468, 1469, MIB, 33 * MIB, 100 * MIB];
const usualSeconds = 40;
const prefix = "EIM-PXE-LAB md5:";

const init = `#!/bin/busybox sh
exec </dev/null >/dev/ttyS0 2>&1
for file in /size-*; do echo "${prefix} $(/bin/busybox md5sum "$file")"; done
/bin/busybox poweroff -f
`;

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
  for (const size of [0, ...filled]) {
    const piece = randomBytes(randomNumbers(size), Math.min(size, 1_000_003));
    const file = new Uint8Array(size);
    for (let at = 0; at < size; at += piece.length) {
      file.set(piece.subarray(0, Math.min(piece.length, size - at)), at);
    }
    files[`${size}.efi`] = file;
  }
  return files;
}

/** The files of an initramfs have the names that come behind their URLs. */
function scriptFor({ port }: UdpEndpoint): string {
  const base = `tftp://10.0.2.2:${port}`;
  return [
    "#!ipxe",
    `kernel ${base}/linux.efi quiet || shell`,
    `initrd ${base}/initramfs.efi || shell`,
    // iPXE of 2019 takes an empty file, without a last ACK; but it would never end putting it into an initramfs.
    `imgfetch --name empty ${base}/0.efi || shell`,
    "imgfree empty",
    ...filled.map((size) => `initrd ${base}/${size}.efi /size-${size} || shell`),
    "boot",
    "",
  ].join("\n");
}

function words(line: string): readonly string[] {
  return line.split(" ");
}

const skipped = reasonToSkip({ tools: ["qemu-system-x86_64", "busybox"] });

describe.skipIf(skipped !== null)(`iPXE${skipped === null ? "" : ` (${skipped})`}`, () => {
  it("fetches files of every size whole, past the wrap of block numbers", async () => {
    const folder = await mkdtemp(join(tmpdir(), "eim-pxe-ipxe-"));
    const files = await filesToServe();
    const content: Record<string, Uint8Array> = { ...files };
    const server = await TestServer.start(content, { openUdp: openDgram, openTransferUdp });
    const script = fromText(scriptFor(server.endpoint));
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
      const [, sum = "", size = ""] = /md5: ([0-9a-f]{32}) {2}\/size-([0-9]+)/.exec(line) ?? [];
      if (size !== "") sums[`${size}.efi`] = sum;
    });
    try {
      const last = `/size-${filled.map(String).toSorted().at(-1)}`;
      const told = (line: string) => (line.trimEnd().endsWith(last) ? line : null);
      await machine.waitForLine("the last checksum", told, 3 * usualSeconds * 1000);
      const wanted = filled.map((size) => [`${size}.efi`, md5(files[`${size}.efi`] ?? script)]);
      expect(sums).toEqual(Object.fromEntries(wanted));
      const done = server.events.flatMap((event) =>
        event.event === "loader-done" ? [event.file] : [],
      );
      expect(done).toEqual(["linux.efi", "initramfs.efi", ...filled.map((size) => `${size}.efi`)]);
    } finally {
      await machine.stop();
      await server.close();
      await rm(folder, { recursive: true });
    }
  });
});
