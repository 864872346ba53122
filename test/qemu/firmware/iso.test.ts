import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { useSite } from "../boots.ts";
import { buildMicroOs } from "../micro-os.ts";
import { wire } from "../network.ts";
import { run } from "../process.ts";
import { labFolder, labTools } from "../site.ts";
import type { Extension } from "../site.ts";

/*
 * An image of the lab's kernel and initramfs, made as docs/booting.md says, is read by QEMU over HTTP in ranges, as a
 * BMC does, and boots with the machine's own kernel arguments.
 */

const tools = ["grub-mkrescue", "xorriso", "mformat", "curl", "/usr/lib/grub/x86_64-efi"];
const curlDriver = "/usr/lib/x86_64-linux-gnu/qemu/block-curl.so";
const skipped = reasonToSkip({ root: true, tools: [...labTools, ...tools, curlDriver] });
const placeholder = "EIM-PXE-LAB-KERNEL-ARGUMENTS-".padEnd(700, "0123456789");

async function withImage(_network: unknown, folder: string): Promise<Extension> {
  const { kernel, initramfs } = await buildMicroOs(join(labFolder, "cache"));
  const tree = join(folder, "iso");
  await mkdir(join(tree, "boot/grub"), { recursive: true });
  for (const file of [kernel, initramfs]) await copyFile(file, join(tree, basename(file)));
  const menu = [
    "set timeout=0",
    "menuentry m {",
    `  linux /${basename(kernel)} ${placeholder}`,
    `  initrd /${basename(initramfs)}`,
    "}",
    "",
  ];
  await writeFile(join(tree, "boot/grub/grub.cfg"), menu.join("\n"));
  const source = join(folder, "micro-os.iso");
  await run(["grub-mkrescue", "-o", source, tree]);
  return { settings: { iso: { source, placeholder } } };
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.skipIf(skipped !== null)(
  `an ISO image by virtual media${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    const site = useSite({ mode: "full", extend: withImage });

    it("boots by HTTP ranges with the machine's kernel arguments, and is otherwise what it was", async () => {
      const machine = site().newMachine("uefi");
      const url = `http://${wire.serverAddress}:8080/iso/${machine.mac.replaceAll(":", "-")}/x.iso`;
      const served = join(site().folder, "served.iso");
      await run(site().network.inside("curl", "-sf", "-o", served, url));
      const [before, after] = await Promise.all([
        readFile(join(site().folder, "micro-os.iso")),
        readFile(served),
      ]);
      const at = before.indexOf(placeholder);
      const rest = (bytes: Buffer) =>
        sha256(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + placeholder.length)]));
      expect([after.length, at > 0, rest(after)]).toEqual([before.length, true, rest(before)]);
      const text = after
        .subarray(at, at + placeholder.length)
        .toString()
        .trimEnd();
      expect(text).toContain(` hw_addr=${machine.mac} `);

      const medium = ["-drive", `if=none,id=cd,format=raw,readonly=on,media=cdrom,file=${url}`];
      const flags = [
        ...medium,
        "-device",
        "virtio-scsi-pci",
        "-device",
        "scsi-cd,drive=cd,bootindex=0",
      ];
      const { commandLine } = await site().boot(machine, { flags });
      expect(commandLine).toBe(`BOOT_IMAGE=/vmlinuz-x86_64 ${text}`);
      expect(site().server.events.filter(({ event }) => event === "iso-start")).not.toEqual([]);
    });
  },
);
